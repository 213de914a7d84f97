# SPDX-License-Identifier: Apache-2.0
"""Prints the rows of views over a dataset, by view and capture: views.py ENGINE DATASET SQL VIEW..."""

import json
import re
import sys


class DuckDB:
    def __init__(self, dataset):
        import duckdb

        self.db = duckdb.connect()
        self.db.execute("set variable dataset = ?", [dataset])

    def execute(self, statement):
        self.db.execute(statement)

    def rows(self, view):
        columns = self.db.sql(f"describe {view}").fetchall()
        wanted = (f"epoch_ns({name})" if "TIMESTAMP" in str(kind) else name for name, kind, *_ in columns)
        return [c[0] for c in columns], self.db.sql(f"select {', '.join(wanted)} from {view}").fetchall()


engines = {"duckdb": DuckDB}


def plain(value):
    return value if value is None or isinstance(value, (str, float)) else int(value)


def by_capture(names, rows):
    captures = {}
    for row in rows:
        values = dict(zip(names, map(plain, row)))
        captures.setdefault(values.pop("capture"), []).append(values)
    return captures


engine, dataset, sql, *views = sys.argv[1:]
db = engines[engine](dataset)
for name in ["tables", "threads", *views]:
    with open(f"{sql}/{engine}/{name}.sql") as f:
        for statement in re.split(r";$", f.read(), flags=re.M):
            if statement.strip():
                db.execute(statement)
print(json.dumps({view: by_capture(*db.rows(view)) for view in views}))
