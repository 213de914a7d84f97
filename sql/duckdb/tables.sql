-- SPDX-License-Identifier: Apache-2.0
-- The tables of a dataset, for DuckDB: set variable dataset = 'fleet';

-- Rows of one capture are in the order of time, and of one instant in that of seq.
create or replace view events as
select *, file_row_number as seq from read_parquet(getvariable('dataset') || '/events/**/*.parquet',
  hive_partitioning = true, hive_types = {'date': date, 'host': varchar});

create or replace view captures as
select * from read_parquet(getvariable('dataset') || '/captures/**/*.parquet',
  hive_partitioning = true, hive_types = {'date': date, 'host': varchar});
