# SPDX-License-Identifier: Apache-2.0

.DEFAULT_GOAL := help
export CGO_ENABLED := 0
GO ?= go
ROUNDS ?= 20
RECORDINGS ?= 200
KERNELS ?= 5.10 6.1 6.12 newest
DATE ?= $(shell date -u +%F)

.PHONY: help build generate generate-report fmt vet lint check test test-root test-kernels test-arm64 golden fixtures fuzz rounds soak sweep interop browser bench compare man dist test-dist demo clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

build: ## build ./ebrec, one static binary
	$(GO) build -trimpath -ldflags '-s -w' -o ebrec ./cmd/ebrec

generate: ## compile the BPF programs (clang-19, llvm-19, libbpf-dev, linux-libc-dev) and the protobuf schema (protoc)
	$(GO) generate ./bpf
	$(GO) build -o dist/protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go
	protoc --plugin=dist/protoc-gen-go --go_out=. --go_opt=paths=source_relative export/perfetto/trace.proto test/interop/traceprocessor/rpc.proto

generate-report: ## make the script and style of report's page (npm)
	$(GO) generate ./report

fmt: ## fail on files that gofmt would change
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }

vet: ## run go vet, also as other systems see the tree
	$(GO) vet ./...
	GOOS=darwin $(GO) vet ./format ./replay ./analyze ./check ./dataset ./diff ./export ./redact ./report ./record ./cmd/ebrec
	GOARCH=arm64 $(GO) vet ./bpf ./record ./cmd/ebrec

lint: ## run staticcheck
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

check: fmt vet lint test ## all that a commit must pass

test: ## run all tests; those of the recorder need root and BPF, and say so
	$(GO) test -p 1 $$($(GO) list ./... | grep -v /test/live)
	$(GO) test -count=1 -timeout 20m ./test/live

test-root: ## run all tests, and fail where root or BPF is missing
	EBREC_REQUIRE_ROOT=1 $(MAKE) test

rounds: ## run the live tests again and again beside two spinning programs (root, BPF)
	$(GO) run ./test/rounds --rounds $(ROUNDS)

soak: ## make many recordings beside two spinning programs and a storm of forks (root, BPF)
	EBREC_REQUIRE_ROOT=1 EBREC_SOAK=$(RECORDINGS) $(GO) test -count=1 -v -timeout 2h -run TestSoak ./test/live

test-kernels: ## run the live tests on other kernels, in QEMU guests
	EBREC_REQUIRE_ROOT=1 EBREC_TEST_KERNELS='$(KERNELS)' $(GO) test -count=1 -timeout 50m -run TestKernels ./test/live

test-arm64: ## run the tests that need no kernel as arm64 programs (qemu-user)
	GOARCH=arm64 $(GO) test -short -exec qemu-aarch64 ./bpf ./replay ./analyze ./check

golden: ## rewrite the golden files
	$(GO) test ./check ./redact ./dataset -run TestKnown -update # embedded in what the others run
	$(GO) test ./bpf ./replay ./analyze ./check ./cmd/ebrec -update

fixtures: ## record testdata anew, in a QEMU guest
	$(GO) build -trimpath -o dist/guest/ ./cmd/ebrec ./test/workload
	$(GO) run ./test/fixtures --bin dist/guest --out testdata --date $(DATE)

interop: ## hold captures against pandas, pyarrow, Polars, DuckDB, ClickHouse, Spark and Node, exports against Perfetto
	EBREC_INTEROP=1 $(GO) test -count=1 -timeout 30m ./test/interop

browser: ## open the pages of report in headless Chromium (chromium, npm)
	EBREC_BROWSER=1 $(GO) test -count=1 -timeout 30m ./test/report

fuzz: ## fuzz the reader for some fifteen minutes
	for target in FuzzOpen FuzzSealed FuzzStructure; do $(GO) test ./format -run '^$$' -fuzz "^$$target$$" -fuzztime 600000x -fuzzminimizetime 10x || exit 1; done

sweep: ## cut captures at every byte, and flip every bit
	EBREC_SWEEP=1 $(GO) test -count=1 -timeout 30m -run Sweep ./format

bench: ## run the benchmarks
	$(GO) test ./... -run '^$$' -bench . -count 10

compare: ## measure size, reading and memory side by side with perf (root, perf, redis)
	for part in size read memory; do $(GO) run ./test/compare $$part || exit 1; done

man: build ## write the man pages to ./man
	./ebrec man man

dist: ## make binaries, packages, what they consist of and checksums in dist/release
	cd packaging && $(GO) run . -out ../dist/release

test-dist: ## make them, and install a package in a system of its own (root, debootstrap, rpm)
	cd packaging && $(GO) vet . && EBREC_PACKAGING=1 $(GO) test -count=1 -timeout 20m .

demo: build ## record this machine for five seconds and print the analyses
	./scripts/demo

clean: ## remove what was built
	rm -rf ebrec dist man
