-- SPDX-License-Identifier: Apache-2.0
-- Copies a dataset into tables of ClickHouse's own, in the database fleet: after
-- tables.sql, before the views. Run again it copies the captures that are new.

create database if not exists fleet;
create table if not exists fleet.events engine = MergeTree partition by toYYYYMM(date) order by (kind, capture, time)
as select * replace (toLowCardinality(kind) as kind, toLowCardinality(capture) as capture) from events limit 0;
create table if not exists fleet.captures engine = MergeTree order by capture as select * from captures limit 0;

-- A capture is there when its row in captures is, which comes last; what a run that did
-- not end left of others goes away.
delete from fleet.events where capture not in (select capture from fleet.captures);
insert into fleet.events select * from events where capture not in (select capture from fleet.captures);
insert into fleet.captures select * from captures
where capture not in (select capture from fleet.captures) and (rows = 0 or capture in (select capture from fleet.events));
