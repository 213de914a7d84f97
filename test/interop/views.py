# SPDX-License-Identifier: Apache-2.0
"""Prints the rows of a view over a dataset, by capture: views.py DATASET SQL VIEW."""

import json
import sys

import duckdb

dataset, sql, view = sys.argv[1:]
db = duckdb.connect()
db.execute("set variable dataset = ?", [dataset])
for name in ("tables", "threads", "percentiles", view):
    with open(f"{sql}/{name}.sql") as f:
        db.execute(f.read())
rows = db.sql(f"from {view}")
if "start" in rows.columns:
    rows = rows.project("* replace (epoch_ns(start) as start)")
names = rows.columns
by_capture = {}
for row in rows.fetchall():
    values = {n: v if v is None or isinstance(v, (str, float)) else int(v) for n, v in zip(names, row)}
    by_capture.setdefault(values.pop("capture"), []).append(values)
print(json.dumps(by_capture))
