# SPDX-License-Identifier: Apache-2.0
"""Rewrites a capture as other programs do: rewrite.py CAPTURE DIRECTORY."""

import sys

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather

capture, out = sys.argv[1:]


def other(table, change):
    return pa.table([change(table[name]) for name in table.column_names], names=table.column_names)


def plain(column):
    return column.cast(pa.large_string()) if pa.types.is_dictionary(column.type) else column


def pyarrow():
    table = feather.read_table(capture)
    for codec in ("zstd", "lz4", "uncompressed"):
        feather.write_feather(table, f"{out}/pyarrow-{codec}.arrow", compression=codec)
    feather.write_feather(table.sort_by("time"), f"{out}/pyarrow-sorted.arrow")
    feather.write_feather(table, f"{out}/pyarrow-small-chunks.arrow", chunksize=100)
    feather.write_feather(table.replace_schema_metadata(), f"{out}/pyarrow-no-metadata.arrow")
    feather.write_feather(other(table, lambda a: a.cast(pa.int64()) if pa.types.is_integer(a.type) else a), f"{out}/pyarrow-wide.arrow")
    feather.write_feather(other(table, plain), f"{out}/pyarrow-text.arrow")
    with pa.ipc.new_stream(f"{out}/pyarrow-stream.arrow", table.schema) as stream:
        stream.write_table(table)


def pandas():
    rows = pd.read_feather(capture, dtype_backend="pyarrow")
    rows.to_feather(f"{out}/pandas.arrow")
    # Numbers that may be null become floating-point numbers: exact, but for wall_offset_ns.
    rows = pd.read_feather(capture)
    rows["wall_offset_ns"] = pd.read_feather(capture, dtype_backend="numpy_nullable")["wall_offset_ns"]
    rows.to_feather(f"{out}/pandas-floats.arrow")


def polars():
    rows = pl.read_ipc(capture)
    for codec in ("zstd", "lz4", "uncompressed"):
        rows.write_ipc(f"{out}/polars-{codec}.arrow", compression=codec)
        pl.scan_ipc(capture).sink_ipc(f"{out}/polars-sink-{codec}.arrow", compression=codec)
    rows.write_ipc_stream(f"{out}/polars-stream.arrow")


pyarrow()
pandas()
polars()
