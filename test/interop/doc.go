// SPDX-License-Identifier: Apache-2.0

// Package interop holds captures against the programs that people read them
// with. The programs of docs/notebook.md run as they stand there, on every
// capture of testdata, and must say what ebrec says; captures that the same
// programs rewrote must say it too. pyarrow and DuckDB hold datasets against the
// captures; DuckDB, ClickHouse's engine and Spark the views of sql against the
// analyses. Exports are asked about by the
// trace_processor of ui.perfetto.dev. make interop installs what it takes into
// the user's cache: python3 with venv, npm and Java are needed, and the package
// registries on the first run.
package interop
