# Benchmarks; include this from the Makefile at the top. RINGROAD: the binary to measure, a release build.
BENCHMARKS := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
RINGROAD ?= .build/release/ringroad
BENCH_OPTIONS ?=
# Which results to draw and to write down; the newest where none is named.
RESULT ?=

.PHONY: bench bench-quick bench-long bench-real bench-scaling bench-tables bench-chart bench-instructions bench-instructions-check
.PHONY: bench-check bench-tools

# What every line of the bars needs: six minutes.
bench: bench-tools
	python3 $(BENCHMARKS)/bench.py --ringroad $(RINGROAD) $(BENCH_OPTIONS)

# Three workloads over fake servers: under a minute.
bench-quick: bench-tools
	python3 $(BENCHMARKS)/bench.py --ringroad $(RINGROAD) --quick $(BENCH_OPTIONS)

# Every workload with every subject, over fake servers and over real ones, and longer: half an hour.
bench-long: bench-tools
	python3 $(BENCHMARKS)/bench.py --ringroad $(RINGROAD) --long $(BENCH_OPTIONS)

# The same over real memcacheds only.
bench-real: bench-tools
	python3 $(BENCHMARKS)/bench.py --ringroad $(RINGROAD) --long --servers real $(BENCH_OPTIONS)

# One thing varied at a time: three minutes and a half. Then what finding a server costs with each placement: seven minutes.
bench-scaling: bench-tools
	python3 $(BENCHMARKS)/scaling.py --ringroad $(RINGROAD) $(BENCH_OPTIONS)
	python3 $(BENCHMARKS)/lookups.py --binary $(RINGROAD)

# Writes results into docs/PERFORMANCE.md.
bench-tables:
	python3 $(BENCHMARKS)/tables.py $(RESULT)

# Draws docs/performance.svg.
bench-chart:
	python3 $(BENCHMARKS)/chart.py $(RESULT) docs/performance.svg

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
