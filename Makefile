# `make` or `make help` lists the targets. Needs a Swift 6.3 toolchain; apt installs the rest.
SWIFT ?= $(shell command -v swift || echo /opt/swift/usr/bin/swift)
PREFIX ?= /usr/local
# Where `make install` puts things; DESTDIR, for packages, comes before each.
UNITS = $(PREFIX)/lib/systemd/system
PAGES = $(PREFIX)/share/doc/ringroad
INSTALLED = $(PREFIX)/bin/ringroad $(PREFIX)/share/man/man1/ringroad.1 $(UNITS)/ringroad.service $(UNITS)/ringroad.socket $(PAGES)
BINARY := .build/release/ringroad
VENV := .build/test-venv
# Options for `ringroad demo`, such as "-n 5 --once".
DEMO ?=
# The number of seeded worlds that `make simulate` runs, and a tenth as many comebacks; SEED=17 runs and shows one of each.
SEEDS ?= 20000
# Optimised: a world takes a tenth of the time. A separate build folder: nothing of it reaches an ordinary build.
SIMULATE := --scratch-path .build/simulate -c release -Xswiftc -enable-testing

.DEFAULT_GOAL := help
.PHONY: help run build test test-quick check lint docs simulate install uninstall clean swift venv

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | \
	  while IFS='	' read -r name text; do printf '  make %-19s %s\n' "$$name" "$$text"; done
	@printf '  make %-19s %s\n' fuzz "fuzz both parsers, a minute each; FUZZ_SECONDS=3600 for longer" \
	  bench "measure it beside other proxies and compare with the bars, six minutes; see docs/PERFORMANCE.md" \
	  bench-quick "three of its workloads, under a minute" \
	  bench-scaling "how the cost of a request grows with servers, keys, clients, values, pools, threads" \
	  test-differential "compare every byte with a memcached, for minutes" \
	  test-dialects "run it over fakes of seven memcached versions, for minutes" \
	  test-clients "run real client libraries and their own tests through it" \
	  test-clients-outage "run client libraries while one of three servers fails" \
	  test-adopt "find the placements of a hundred clusters that real clients filled, minutes" \
	  test-top "run ringroad top in a pseudo-terminal, half a minute" \
	  test-import "import pools of a real twemproxy, and compare where their keys are, 20 s" \
	  test-recipes "run the recipes of docs/CLIENTS.md through outages and returns" \
	  sanitize "run tests and binary under AddressSanitizer and ThreadSanitizer" \
	  test-admin "scrape it with Prometheus, check its HTTP API, attack its admin port" \
	  test-browser "check the dashboard in a headless browser, two minutes" \
	  test-browser-real "check the dashboard of a real proxy, two minutes" \
	  page "bundle the dashboard's files into Sources/Admin/PageBytes.swift" \
	  test-faults "make servers, networks and clients fail, for minutes; see docs/FAILURES.md" \
	  soak "make them fail for half an hour"

run: ## build it and run ringroad demo on this machine
	@.ci/packages build run
	@$(MAKE) --no-print-directory build
	@$(BINARY) demo $(DEMO)

build: swift ## build .build/release/ringroad
	@.ci/packages build
	$(SWIFT) build -c release --static-swift-stdlib --product ringroad

# The Swift tests run last: the output ends with theirs.
test: build venv ## run all tests, including those with real memcacheds and client libraries
	@$(MAKE) --no-print-directory test-differential-short test-dialects-short test-clients-short
	RINGROAD_BINARY=$(abspath $(BINARY)) RINGROAD_PYTHON=$(abspath $(VENV))/bin/python $(SWIFT) test

# The inner loop. Left out: what needs the release binary or real servers, and the simulations.
test-quick: swift ## build and run the Swift unit tests: a minute after the build
	@.ci/packages build
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --skip 'IntegrationTests|SimulationTests|CanaryTests|ComebackTests'

check: lint test ## run what must pass before a change is merged: lint, no warnings, all tests

lint: swift ## check the style of the Swift sources
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

# docs/STATS.md, docs/OBSERVABILITY.md and the manual page: the tables of rows, fields and metrics.
docs: swift ## write the tables of the code into the pages that have them
	$(SWIFT) build --build-tests
	RINGROAD_WRITE_DOCS=1 $(SWIFT) test --skip-build --disable-xctest --filter StatsPagesTests

simulate: swift ## run SEEDS=20000 simulations in which everything fails; SEED=17 shows one
	@.ci/packages build
	$(SWIFT) build --build-tests $(SIMULATE)
	RINGROAD_SEEDS=$(SEEDS) $(if $(SEED),RINGROAD_SEED=$(SEED)) $(SWIFT) test --skip-build $(SIMULATE) \
	  --disable-xctest --filter '$(if $(SEED),everyRequestHasOneAnswer|noServerReturns,SimulationTests|CanaryTests|ComebackTests)'

install: ## install binary, man page, units, sample files and pages under PREFIX=/usr/local
	@test -x $(BINARY) || { echo "there is no $(BINARY) yet: make build" >&2; exit 1; }
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/ringroad
	install -D -m 644 docs/ringroad.1 $(DESTDIR)$(PREFIX)/share/man/man1/ringroad.1
	install -D -m 644 config/ringroad.service config/ringroad.socket -t $(DESTDIR)$(UNITS)
	sed -i 's|/usr/local/bin|$(PREFIX)/bin|' $(DESTDIR)$(UNITS)/ringroad.service
	install -D -m 644 README.md LICENSE -t $(DESTDIR)$(PAGES)
	install -D -m 644 docs/*.md docs/*.svg docs/*.png docs/*.yml -t $(DESTDIR)$(PAGES)/docs
	install -D -m 644 config/* -t $(DESTDIR)$(PAGES)/config
	@printf '%s\n' '' 'ringroad.service reads /etc/ringroad.yml, which make install leaves to you:' '' \
	  '  cp -n $(PAGES)/config/ringroad.yml /etc/    # and name your servers in it' \
	  '  $(PREFIX)/bin/ringroad check /etc/ringroad.yml' \
	  '  systemctl daemon-reload && systemctl enable --now ringroad'

uninstall: ## remove what make install has installed; /etc/ringroad.yml stays
	rm -rf $(addprefix $(DESTDIR),$(INSTALLED))

clean: ## remove all build output
	rm -rf .build
	$(MAKE) -C Benchmarks clean

swift:
	@command -v $(firstword $(SWIFT)) >/dev/null || \
	  { echo "there is no swift in PATH: https://www.swift.org/install/linux/" >&2; exit 1; }

# Python with the client libraries that the tests use, and pytest for the libraries' own tests.
venv:
	@.ci/packages test
	@$(VENV)/bin/python -c 'import aiomcache, django, memcache, mock, pylibmc, pymemcache, pytest' 2>/dev/null || \
	  { mkdir -p .build && python3 -m venv --clear $(VENV) && $(VENV)/bin/python -m pip install --quiet \
	    --disable-pip-version-check pymemcache==4.0.0 pylibmc==1.6.3 python-memcached==1.62 aiomcache==0.8.2 \
	    django==5.2.19 pytest==9.2.0 mock==5.2.0 setuptools; }

# Benchmarks and fault tests use the current release build.
bench bench-quick bench-long bench-real bench-scaling bench-instructions bench-instructions-check: build
test-faults test-faults-short test-faults-canary soak: build
test-admin test-admin-short test-admin-hostile: build
test-browser-real test-browser-short browser-pictures: build

include Benchmarks/bench.mk Fuzz/fuzz.mk Tests/Differential/differential.mk Tests/Dialects/dialects.mk
include Tests/Admin/admin.mk Tests/Console/console.mk Tests/Clients/clients.mk Tests/Faults/faults.mk
include Tests/Sanitizers/sanitize.mk Tests/Browser/browser.mk Sources/Admin/Page/page.mk
include Tests/Placement/placement.mk Tests/Placement/adopt.mk
