# SPDX-License-Identifier: Apache-2.0
"""Holds a dataset against the captures it is of: dataset.py DATASET CAPTURE...

The captures are read by pyarrow, the dataset by pyarrow and by DuckDB. Prints how
many rows, columns and names were compared."""

import glob
import hashlib
import json
import sys

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

dataset, captures = sys.argv[1], sys.argv[2:]
names = ("comm", "prev_comm", "next_comm", "woken_comm")
counts = {"captures": 0, "rows": 0, "values": 0, "names": 0}


def plain(column):
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    return column.combine_chunks()


def compare(capture, table, schema):
    rows = ipc.open_file(capture).read_all()
    rows = rows.filter(pc.not_equal(rows["kind"].cast(pa.string()), "metadata"))
    assert rows.num_rows == table.num_rows, (capture, rows.num_rows, table.num_rows)
    for field in schema:
        got = plain(table[field.name])
        if field.name in names:
            counts["names"] += len(got) - got.null_count
        if field.name not in rows.schema.names:
            assert field.name in names + ("capture",) or got.null_count == len(got), field.name
            continue
        want = plain(rows[field.name])
        if field.name in names:
            said = want.is_valid()
            want, got = want.filter(said), got.filter(said)
        assert got.equals(want), (capture, field.name)
        counts["values"] += len(want)
    counts["rows"] += rows.num_rows


def identity(capture):
    with open(capture, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()[:32]


def duck(id):
    events = duckdb.sql(f"from read_parquet('{dataset}/events/**/*.parquet', hive_partitioning=true) select * exclude (date, host) where capture = '{id}'")
    return events.to_arrow_table()


def same(one, other):
    for field in one.schema:
        a, b = one[field.name], other[field.name]
        if a.type != b.type:
            b = b.cast(a.type)
        assert plain(a).equals(plain(b)), ("DuckDB", field.name)


files = glob.glob(f"{dataset}/events/*/*/*.parquet")
schemas = [pq.ParquetFile(f).schema_arrow for f in files]
assert all(s.equals(schemas[0]) for s in schemas), "schemas differ"
for capture in captures:
    id = identity(capture)
    (file,) = [f for f in files if id in f]
    table = pq.ParquetFile(file).read()
    assert set(table["capture"].to_pylist()) <= {id}
    compare(capture, table, schemas[0])
    same(table, duck(id))
    (row,) = pq.ParquetFile(file.replace("/events/", "/captures/")).read().to_pylist()
    assert row["rows"] == table.num_rows and row["capture"] == id
    counts["captures"] += 1
print(json.dumps(counts))
