-- SPDX-License-Identifier: Apache-2.0
-- The tables of a dataset, for DuckDB: set variable dataset = 'fleet';

-- Place orders the rows of a capture: by time, those of one instant as they are in its file.
create or replace view events as
select *,
  epoch_ns(time)::hugeint * 1099511627776 + file_row_number as place from read_parquet(getvariable('dataset') || '/events/**/*.parquet',
  hive_partitioning = true, hive_types = {'date': date, 'host': varchar});

create or replace view captures as
select * from read_parquet(getvariable('dataset') || '/captures/**/*.parquet',
  hive_partitioning = true, hive_types = {'date': date, 'host': varchar});

-- What engines call by different names: nanoseconds since 1970, a number that does not
-- overflow when it is added up or goes below zero, and a division without its remainder.
create or replace macro nanos(t) as epoch_ns(t);
create or replace macro wide(n) as n::hugeint;
create or replace macro quotient(a, b) as a // b;

-- Durations whose first eight bits are the same are in one bucket, as in ebrec analyze:
-- what is in the middle of that of v.
create or replace macro bucket_width(v) as 1::hugeint << greatest(0, length(bin(v)) - 8);
create or replace macro bucket_middle(v) as v - v % bucket_width(v) + bucket_width(v) // 2;
