# SPDX-License-Identifier: Apache-2.0
"""Prints the rows of views over a dataset, by view and capture: views.py ENGINE DATASET SQL[:SQL] VIEW..."""

import json
import os
import re
import sys
import tempfile


class DuckDB:
    folder = "duckdb"

    def __init__(self, dataset):
        import duckdb

        self.db = duckdb.connect()
        self.db.execute("set variable dataset = ?", [dataset])

    def execute(self, statement):
        self.db.execute(statement)

    def rows(self, view):
        columns = self.db.sql(f"describe {view}").fetchall()
        wanted = (f"nanos({name})" if "TIMESTAMP" in str(kind) else name for name, kind, *_ in columns)
        return [c[0] for c in columns], self.db.sql(f"select {', '.join(wanted)} from {view}").fetchall()


class ClickHouse:
    folder = "clickhouse"

    def __init__(self, dataset):
        import chdb.session

        self.db = chdb.session.Session()
        self.db.query("set output_format_json_quote_64bit_integers = 0")
        quoted = dataset.replace("\\", "\\\\").replace("'", "\\'")
        self.db.query(f"set param_dataset = '{quoted}'")

    def execute(self, statement):
        self.db.query(statement)

    def rows(self, view):
        columns = self.json(f"describe {view}")["data"]
        assert not any("Variant" in kind for _, kind, *_ in columns), columns  # nothing can be asked of such
        wanted = (f"nanos({name})" if "DateTime64" in kind else f"toString({name})" if "Int128" in kind else name for name, kind, *_ in columns)
        types = [float if "Float" in kind else int if "Int" in kind else lambda v: v for _, kind, *_ in columns]
        rows = self.json(f"select {', '.join(wanted)} from {view}")["data"]
        return [c[0] for c in columns], [[v if v is None else t(v) for t, v in zip(types, row)] for row in rows]

    def json(self, query):
        return json.loads(self.db.query(query, "JSONCompact").bytes())


class MergeTree(ClickHouse):
    """Its own tables, loaded once more after a run that was killed."""

    def begin(self, run):
        run("tables")
        run("load")
        self.execute("delete from fleet.captures where capture < '8'")
        self.execute("delete from fleet.events where capture < '8' and kind = 'task_sum'")
        run("load")
        self.execute("use fleet")


class Spark:
    folder = "spark"

    def __init__(self, dataset):
        from pyspark.sql import SparkSession

        settings = {  # it compiles more than it reads
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=128m",
            "spark.sql.adaptive.enabled": "false",
            "spark.sql.shuffle.partitions": "2",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.warehouse.dir": tempfile.mkdtemp(dir=os.path.dirname(dataset)),
            "spark.log.level": "ERROR",
            "dataset": dataset,
        }
        self.db = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()

    def execute(self, statement):
        self.db.sql(statement)
        made = re.search(r"^create or replace view (\w+)", statement, flags=re.M)
        if made and made[1] not in ("events", "captures"):
            self.db.sql(f"cache lazy table {made[1]}")  # else each that uses it does it all again

    def rows(self, view):
        frame = self.db.table(view)
        return frame.columns, frame.collect()


engines = {"duckdb": DuckDB, "clickhouse": ClickHouse, "mergetree": MergeTree, "spark": Spark}


def run(name):
    """An engine's own text, or one for all."""
    folders = [folder for one in sql.split(os.pathsep) for folder in (f"{one}/{db.folder}", one)]
    text = next(path for path in (f"{folder}/{name}.sql" for folder in folders) if os.path.exists(path))
    with open(text) as f:
        for statement in re.split(r";$", f.read(), flags=re.M):
            if statement.strip():
                db.execute(statement)


def plain(value):
    return value if value is None or isinstance(value, (str, float)) else int(value)


def by_capture(names, rows):
    captures = {}
    for row in rows:
        values = dict(zip(names, map(plain, row)))
        captures.setdefault(values.pop("capture", ""), []).append(values)
    return captures


engine, dataset, sql, *views = sys.argv[1:]
db = engines[engine](dataset)
if engine == "mergetree":
    db.begin(run)
else:
    run("tables")
for name in ["threads", *views]:
    run(name)
print(json.dumps({view: by_capture(*db.rows(view)) for view in views}))
