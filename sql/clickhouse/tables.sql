-- SPDX-License-Identifier: Apache-2.0
-- The tables of a dataset, for ClickHouse: clickhouse-local --param_dataset=fleet.

create or replace table event_files as file({dataset:String} || '/events/**/*.parquet', Parquet);
create or replace table capture_files as file({dataset:String} || '/captures/**/*.parquet', Parquet);

-- Place orders the rows of a capture: by time, those of one instant as they are in its file.
-- ClickHouse takes a partition's name as it is written, and its type from the first file.
create or replace view events as
select * except host, nullIf(decodeURLComponent(extract(_path, '/host=([^/]*)/')), '__HIVE_DEFAULT_PARTITION__') as host,
  toInt128(toUnixTimestamp64Nano(time)) * 1099511627776 + _row_number as place
from event_files;

create or replace view captures as
select * except host, nullIf(decodeURLComponent(extract(_path, '/host=([^/]*)/')), '__HIVE_DEFAULT_PARTITION__') as host
from capture_files;

-- What engines call by different names: nanoseconds since 1970, a number that does not
-- overflow when it is added up or goes below zero, and a division without its remainder.
create or replace function nanos as t -> toUnixTimestamp64Nano(t);
create or replace function wide as n -> toInt128(n);
create or replace function quotient as (a, b) -> intDiv(a, b);

-- Durations whose first eight bits are the same are in one bucket, as in ebrec analyze:
-- what is in the middle of that of v.
create or replace function bucket_width as v -> bitShiftLeft(toUInt64(1), greatest(0, length(trimLeft(bin(toUInt64(v)), '0')) - 8));
create or replace function bucket_middle as v -> toInt128(v) - v % bucket_width(v) + intDiv(bucket_width(v), 2);
