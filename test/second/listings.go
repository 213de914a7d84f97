// SPDX-License-Identifier: Apache-2.0

package second

// execs are the files that were executed.
func execs(r *recording, _ string) (rows [][]any) {
	for _, e := range r.of("exec") {
		if r.counts(e.at) {
			rows = append(rows, []any{e.at, e.s("comm"), e.n("pid"), e.n("ppid"), e.s("filename"), r.args(e)})
		}
	}
	return rows
}

// args are the arguments that an exec came with: they have its time.
func (r *recording) args(exec *event) any {
	for _, e := range r.of("exec_args") {
		if e.at == exec.at && e.n("pid") == exec.n("pid") {
			return e.s("args")
		}
	}
	return nil
}

// errors by number, as far as they are generated.
var errnos = map[int64]string{1: "EPERM", 2: "ENOENT", 13: "EACCES"}

// opens are the files that were opened.
func opens(r *recording, _ string) (rows [][]any) {
	for _, e := range r.of("open") {
		if !r.counts(e.at) {
			continue
		}
		fd, failed := any(e.i("fd")), any(nil)
		if n, ok := e.v["fd"].(uint64); ok {
			fd = int64(n)
		}
		if name, bad := errnos[e.i("error")]; bad {
			fd, failed = nil, name
		}
		rows = append(rows, []any{e.at, e.s("comm"), e.n("pid"), fd, failed, e.n("open_ns"), e.s("open_call"), e.s("path")})
	}
	return rows
}
