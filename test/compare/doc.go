// SPDX-License-Identifier: Apache-2.0

// Command compare measures captures side by side with the files of perf, and
// prints what docs/performance.md says, and docs/fleet.md of growth. It needs root, perf and
// redis, for requests nginx and wrk, and for fleet and hundred nothing but python3 with
// requirements.txt.
//
//	go run ./test/compare size     bytes a switch, of both recording one workload
//	go run ./test/compare read     time a switch, of both adding up CPU time
//	go run ./test/compare requests as tools count and time them, and as ebrec does
//	go run ./test/compare tcp      time a request, with recorders and without
//	go run ./test/compare distant  the same at a round trip of 1 ms
//	go run ./test/compare diff     verdicts about pairs of captures, where nothing changed and where 10%
//	go run ./test/compare fleet    captures of 10, 100 and 1,000 hosts, in DuckDB and ClickHouse's engine, and in ebrec
//	go run ./test/compare hundred  the same of 100 captures of a million switches
//	go run ./test/compare memory   of the analyses, and the time to the first row
//
// What it records stays in a directory of its own and is removed: it holds the
// names of whatever else runs on the machine.
package main
