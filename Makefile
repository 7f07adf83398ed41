# `make` or `make help` says what there is. Needs a Swift 6.3 toolchain; the rest is installed by apt.
SWIFT ?= $(shell command -v swift || echo /opt/swift/usr/bin/swift)
PREFIX ?= /usr/local
BINARY := .build/release/ringroad
VENV := .build/test-venv
# What `ringroad demo` is given, such as "-n 5 --once".
DEMO ?=
# How many seeded worlds `make simulate` runs, and a tenth as many comebacks; SEED=17 runs these two, and shows them.
SEEDS ?= 20000
# Optimised: a world takes a tenth of the time. A folder of its own: nothing of it reaches an ordinary build.
SIMULATE := --scratch-path .build/simulate -c release -Xswiftc -enable-testing

.DEFAULT_GOAL := help
.PHONY: help run build test check lint simulate install clean swift venv

help: ## say what there is
	@sed -nE 's/^([a-z]+):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | \
	  while IFS='	' read -r name text; do printf '  make %-19s %s\n' "$$name" "$$text"; done
	@printf '  make %-19s %s\n' fuzz "fuzz both parsers, a minute each; FUZZ_SECONDS=3600 for longer" \
	  bench "measure it beside other proxies against the bars, six minutes; docs/PERFORMANCE.md tells how" \
	  bench-quick "three of its workloads, under a minute" \
	  bench-scaling "how the cost of a request grows with servers, keys, clients, values, pools, threads" \
	  test-differential "compare every byte with a memcached's, for minutes" \
	  test-dialects "run it over fakes of seven memcached versions, for minutes" \
	  test-clients "run real client libraries and their own tests through it" \
	  test-clients-outage "run client libraries while one of three servers fails" \
	  sanitize "run tests and binary under AddressSanitizer and ThreadSanitizer" \
	  test-faults "make servers, networks and clients fail, for minutes; docs/FAILURES.md tells how it is taken" \
	  soak "faults for half an hour"

run: ## build it and see it at work on this machine: ringroad demo
	@.ci/packages build run
	@$(MAKE) --no-print-directory build
	@$(BINARY) demo $(DEMO)

build: swift ## build .build/release/ringroad
	@.ci/packages build
	$(SWIFT) build -c release --static-swift-stdlib --product ringroad

# The Swift tests come last: what they say is the end of it.
test: build venv ## run all tests, those with real memcacheds and client libraries included
	@$(MAKE) --no-print-directory test-differential-short test-dialects-short test-clients-short
	RINGROAD_BINARY=$(abspath $(BINARY)) RINGROAD_PYTHON=$(abspath $(VENV))/bin/python $(SWIFT) test

check: lint test ## what must hold before a change is taken: lint, no warnings, all tests

lint: swift ## check the style of the Swift sources
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

simulate: swift ## run SEEDS=20000 seeded worlds in which everything fails; SEED=17 shows one
	@.ci/packages build
	$(SWIFT) build --build-tests $(SIMULATE)
	RINGROAD_SEEDS=$(SEEDS) $(if $(SEED),RINGROAD_SEED=$(SEED)) $(SWIFT) test --skip-build $(SIMULATE) \
	  --disable-xctest --filter '$(if $(SEED),everyRequestHasItsOneAnswer|noServerReturns,SimulationTests|CanaryTests|ComebackTests)'

install: ## put binary and manual page under PREFIX=/usr/local
	@test -x $(BINARY) || { echo "there is no $(BINARY) yet: make build" >&2; exit 1; }
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/ringroad
	install -D -m 644 docs/ringroad.1 $(DESTDIR)$(PREFIX)/share/man/man1/ringroad.1

clean: ## remove everything that was built
	rm -rf .build
	$(MAKE) -C Benchmarks clean

swift:
	@command -v $(firstword $(SWIFT)) >/dev/null || \
	  { echo "there is no swift in PATH: https://www.swift.org/install/linux/" >&2; exit 1; }

# Python with the client libraries that the tests use, and pytest, which runs the libraries' own.
venv:
	@.ci/packages test
	@$(VENV)/bin/python -c 'import aiomcache, django, memcache, mock, pylibmc, pymemcache, pytest' 2>/dev/null || \
	  { mkdir -p .build && python3 -m venv --clear $(VENV) && $(VENV)/bin/python -m pip install --quiet \
	    --disable-pip-version-check pymemcache==4.0.0 pylibmc==1.6.3 python-memcached==1.62 aiomcache==0.8.2 \
	    django==5.2.19 pytest==9.2.0 mock==5.2.0 setuptools; }

# What is measured is what is here: the release build.
bench bench-quick bench-long bench-real bench-scaling bench-instructions bench-instructions-check: build
test-faults test-faults-short test-faults-canary soak: build

include Benchmarks/bench.mk Fuzz/fuzz.mk Tests/Differential/differential.mk Tests/Dialects/dialects.mk
include Tests/Clients/clients.mk Tests/Faults/faults.mk Tests/Sanitizers/sanitize.mk
