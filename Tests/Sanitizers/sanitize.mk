# Everything under AddressSanitizer and ThreadSanitizer: the Swift tests that run in one process, and the binary
# under load and beside a memcached. Each has a separate build folder: nothing of it reaches an ordinary build.
#
# The integration tests measure times and memory, which a sanitizer changes: load.py and the differential run, which
# needs memcached 1.6.18, replace them. XCTest is disabled: there is no test for it here, and it leaks 144 bytes at
# its end.

SANITIZE_SEEDS ?= 100
SANITIZE_RUN = ASAN_OPTIONS=halt_on_error=1 \
  TSAN_OPTIONS=halt_on_error=1:suppressions=$(abspath Tests/Sanitizers/thread.supp)

.PHONY: sanitize sanitize-address sanitize-thread

sanitize: sanitize-address sanitize-thread

sanitize-address sanitize-thread: sanitize-%: swift
	@.ci/packages build test
	@$(MAKE) --no-print-directory -C Benchmarks all
	$(SWIFT) build -c release --static-swift-stdlib --sanitize=$* --scratch-path .build/sanitize-$* --product ringroad
	$(SANITIZE_RUN) python3 Tests/Sanitizers/load.py .build/sanitize-$*/release/ringroad
	$(SANITIZE_RUN) $(DIFFERENTIAL) --seeds 1000 --deadline 120 --binary .build/sanitize-$*/release/ringroad
	$(SANITIZE_RUN) RINGROAD_SEEDS=$(SANITIZE_SEEDS) $(SWIFT) test --sanitize=$* --scratch-path .build/sanitize-$* \
	  --disable-xctest --skip IntegrationTests
