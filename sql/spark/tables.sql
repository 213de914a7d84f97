-- SPDX-License-Identifier: Apache-2.0
-- The tables of a dataset, for Spark: spark-sql --define dataset=/data/fleet. Sessions
-- that use them need the settings, too.

-- Instants are numbers: Spark has none of nanoseconds.
set spark.sql.legacy.parquet.nanosAsLong = true;
-- A host called 007 is not 7.
set spark.sql.sources.partitionColumnTypeInference.enabled = false;
-- Partitions are the directories that are there, not those that a metastore was told.
set spark.sql.hive.manageFilesourcePartitions = false;

-- Files stay when these tables are dropped. New ones are seen after refresh table.
drop table if exists event_files;
create table event_files using parquet options (path '${dataset}/events');
drop table if exists capture_files;
create table capture_files using parquet options (path '${dataset}/captures');

-- Place orders the rows of a capture: by time, those of one instant as they are in its file.
-- Spark takes the bytes of a partition's name for letters.
create or replace view events as
select * except (date, host), cast(date as date) as date, decode(encode(host, 'ISO-8859-1'), 'UTF-8') as host,
  cast(time as decimal(38, 0)) * 1099511627776 + _metadata.row_index as place
from event_files;

create or replace view captures as
select * except (date, host), cast(date as date) as date, decode(encode(host, 'ISO-8859-1'), 'UTF-8') as host from capture_files;

-- What engines call by different names: nanoseconds since 1970, a number that does not
-- overflow when it is added up or goes below zero, and a division without its remainder.
create or replace function nanos(t bigint) returns bigint return t;
create or replace function wide(n decimal(38, 0)) returns decimal(38, 0) return n;
create or replace function quotient(a decimal(38, 0), b decimal(38, 0)) returns decimal(38, 0) return a div b;

-- Durations whose first eight bits are the same are in one bucket, as in ebrec analyze:
-- what is in the middle of that of v.
create or replace function bucket_width(v decimal(38, 0)) returns decimal(38, 0) return shiftleft(1L, greatest(0, length(conv(cast(v as string), 10, 2)) - 8));
create or replace function bucket_middle(v decimal(38, 0)) returns decimal(38, 0) return v - v % bucket_width(v) + bucket_width(v) div 2;
