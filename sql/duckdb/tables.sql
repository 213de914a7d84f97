-- SPDX-License-Identifier: Apache-2.0
-- The tables of a dataset, for DuckDB: set variable dataset = 'fleet';

create or replace view events as
select * from read_parquet(getvariable('dataset') || '/events/**/*.parquet',
  hive_partitioning = true, hive_types = {'date': date, 'host': varchar});

create or replace view captures as
select * from read_parquet(getvariable('dataset') || '/captures/**/*.parquet',
  hive_partitioning = true, hive_types = {'date': date, 'host': varchar});

-- What engines call by different names: nanoseconds since 1970, a number that does not
-- overflow when it is added up or goes below zero, and a division without its remainder.
create or replace macro nanos(t) as epoch_ns(t);
create or replace macro wide(n) as n::hugeint;
create or replace macro quotient(a, b) as a // b;
