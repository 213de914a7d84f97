-- SPDX-License-Identifier: Apache-2.0
-- The tables of a dataset, for Spark: spark-sql --define dataset=/data/fleet. Views keep
-- the settings that they were made with.

-- Instants are numbers: Spark has none of nanoseconds.
set spark.sql.legacy.parquet.nanosAsLong = true;
-- A host called 007 is not 7.
set spark.sql.sources.partitionColumnTypeInference.enabled = false;

-- Spark takes the bytes of a partition's name for letters.
create or replace view events as
select * except (date, host), cast(date as date) as date, decode(encode(host, 'ISO-8859-1'), 'UTF-8') as host
from parquet.`${dataset}/events`;

create or replace view captures as
select * except (date, host), cast(date as date) as date, decode(encode(host, 'ISO-8859-1'), 'UTF-8') as host
from parquet.`${dataset}/captures`;

-- What engines call by different names: nanoseconds since 1970, a number that does not
-- overflow when it is added up or goes below zero, and a division without its remainder.
create or replace function nanos(t bigint) returns bigint return t;
create or replace function wide(n decimal(38, 0)) returns decimal(38, 0) return n;
create or replace function quotient(a decimal(38, 0), b decimal(38, 0)) returns decimal(38, 0) return a div b;
