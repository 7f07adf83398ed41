# ringroad beside a real memcached: the same bytes sent to both, the same bytes expected from both.
# Needs .build/release/ringroad, python3 and a memcached: 1.6.18 on the path, or MEMCACHED=/path/to/memcached, which
# may also be 1.6.40 or later.

DIFFERENTIAL = python3 Tests/Differential/differential.py
DIFFERENTIAL_SEED ?= 1

.PHONY: test-differential test-differential-short test-differential-canary differential-seeds

# 40,000 sequences over one server and over three, then the canaries: takes minutes.
test-differential:
	$(DIFFERENTIAL) --table
	$(DIFFERENTIAL) --seeds 40000 --seed $(DIFFERENTIAL_SEED)
	@$(MAKE) --no-print-directory test-differential-canary

# Part of `make test`: half a minute. Other versions answer some requests differently, so it runs only with the versions
# that the table of departures was made for; with any other it says so and skips the comparison.
MEMCACHED ?= memcached
export MEMCACHED
test-differential-short:
	@case "$$($(MEMCACHED) -V)" in \
	  "memcached 1.6.18"*|"memcached 1.6.4"[0-9]*) $(MAKE) --no-print-directory differential-seeds test-differential-canary ;; \
	  *) echo "NOT RUN: the differential test is for memcached 1.6.18 and 1.6.40 or later, and this is $$($(MEMCACHED) -V)" ;; \
	esac

differential-seeds:
	$(DIFFERENTIAL) --table
	$(DIFFERENTIAL) --seeds 4000 --seed $(DIFFERENTIAL_SEED)

# Planted differences must be detected: a relay that alters a byte now and then, a memcached without cas numbers,
# a relay whose replies never end.
test-differential-canary:
	@for plant in "relay --seeds 300" "option --seeds 300" "drip --seeds 2 --deadline 2"; do \
	  $(DIFFERENTIAL) --most 1 --canary $$plant >/dev/null; \
	  test $$? -eq 1 || { echo "a planted difference was not found: $$plant" >&2; exit 1; }; \
	done; echo "three planted differences were found"
