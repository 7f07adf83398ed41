# Benchmarks; include this from the Makefile at the top. RINGROAD: the binary to measure, a release build.
BENCHMARKS := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
RINGROAD ?= .build/release/ringroad
BENCH_OPTIONS ?=

.PHONY: bench bench-quick bench-real bench-scaling bench-instructions bench-instructions-check bench-check bench-tools

# Every workload, over fake servers and over real ones: about half an hour.
bench: bench-tools
	python3 $(BENCHMARKS)/bench.py --ringroad $(RINGROAD) $(BENCH_OPTIONS)

# Three workloads over fake servers: under a minute.
bench-quick: bench-tools
	python3 $(BENCHMARKS)/bench.py --ringroad $(RINGROAD) --quick $(BENCH_OPTIONS)

# Every workload over real memcacheds.
bench-real: bench-tools
	python3 $(BENCHMARKS)/bench.py --ringroad $(RINGROAD) --servers real $(BENCH_OPTIONS)

# One thing varied at a time: some minutes.
bench-scaling: bench-tools
	python3 $(BENCHMARKS)/scaling.py --ringroad $(RINGROAD)

# Instructions per request: repeatable on a busy machine, where times are not.
bench-instructions: bench-tools
	$(BENCHMARKS)/instructions.sh $(RINGROAD)

# Fails when a request has become dearer than what is committed, or allocates. Half a minute.
bench-instructions-check: bench-tools
	@.ci/packages instructions
	$(BENCHMARKS)/instructions.sh --check $(BENCHMARKS)/instructions.txt $(RINGROAD)

# The load generator must notice every fault.
bench-check: bench-tools
	$(MAKE) -C $(BENCHMARKS) check

bench-tools:
	$(MAKE) -C $(BENCHMARKS) all
