# SPDX-License-Identifier: Apache-2.0
"""Times a query over a dataset: fleet.py DATASET ENGINE QUERY ROUNDS.

Prints JSON: the rows as texts, and the time and CPU time of each round in ns. The
first round reads schemas and fills caches of the engine, if it has any."""

import json
import resource
import sys
import time

QUERIES = {  # both engines take the same text, but for the percentile
    "cpu": """
        select host, name, sum(ns) as total from (
          select host, capture, tid, start, max(comm) as name, max(cpu_time_ns) as ns
          from {events} where kind = 'task_sum' group by host, capture, tid, start)
        group by host, name order by total desc, host, name limit 20""",
    "waits": """
        select host, count(*) as waits, {p99} as p99_ns
        from {events} where kind = 'sched_switch' and tid <> 0
        group by host order by p99_ns desc, host limit 20""",
    "rows": "select sum(rows) from {captures}",
    "lossy": "select host, file, lost, complete from {captures} where lost > 0 or complete = 0 order by host, file",
    "killed": """
        select host, comm, signal, count(*) as processes
        from {events} where kind = 'exit' and signal > 0
        group by host, comm, signal order by processes desc, host, comm, signal limit 20""",
    "one host": """
        select count(*) as switches, sum(preempted) as preempted
        from {events} where kind = 'sched_switch' and host = 'h7'""",
}


def duckdb_query(dataset, text):
    import duckdb

    def table(name):
        return (f"read_parquet('{dataset}/{name}/**/*.parquet', hive_partitioning = true, "
                "hive_types = {date: date, host: varchar})")

    db = duckdb.connect()
    sql = text.format(events=table("events"), captures=table("captures"), p99="quantile_disc(delay_ns, 0.99)")
    return lambda: db.sql(sql).fetchall()


# quantileExact is one further where 99% of the rows are a whole number of them.
NEAREST_RANK = "arraySort(groupArray(delay_ns))[toUInt64(intDiv(count(delay_ns) * 99 + 99, 100))]"


def clickhouse_query(dataset, text):
    from chdb import session

    def table(name):
        return f"file('{dataset}/{name}/**/*.parquet', Parquet)"

    s = session.Session()
    sql = text.format(events=table("events"), captures=table("captures"), p99=NEAREST_RANK)
    sql += " settings use_hive_partitioning = 1"
    return lambda: json.loads(str(s.query(sql, "JSONCompact")))["data"]


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return round((used.ru_utime + used.ru_stime) * 1e9)


dataset, engine, name, rounds = sys.argv[1:]
run = {"duckdb": duckdb_query, "clickhouse": clickhouse_query}[engine](dataset, QUERIES[name])
wall, used = [], []
for _ in range(int(rounds)):
    begin, before = time.monotonic_ns(), cpu()
    rows = run()
    wall.append(time.monotonic_ns() - begin)
    used.append(cpu() - before)
print(json.dumps({"rows": [[str(v) for v in row] for row in rows], "wall": wall, "cpu": used}))
