# ringroad beside a real memcached: the same bytes to both, the same bytes from both.
# Needs .build/release/ringroad, python3 and a memcached: 1.6.18 on the path, or MEMCACHED=/path/to/memcached, which may
# be 1.6.40 or later, too.

DIFFERENTIAL = python3 Tests/Differential/differential.py
DIFFERENTIAL_SEED ?= 1

.PHONY: test-differential test-differential-short test-differential-canary differential-seeds

# 40,000 sequences over one server and over three, then the canaries: minutes.
test-differential:
	$(DIFFERENTIAL) --table
	$(DIFFERENTIAL) --seeds 40000 --seed $(DIFFERENTIAL_SEED)
	@$(MAKE) --no-print-directory test-differential-canary

# Part of `make test`: half a minute. Another memcached answers otherwise here and there, so beside any but those
# that the table of departures was made for it says so and leaves the comparison out.
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

# A planted difference must be found: a relay that alters a byte now and then, a memcached without cas numbers,
# a relay whose answers never end.
test-differential-canary:
	@for plant in "relay --seeds 300" "option --seeds 300" "drip --seeds 2 --deadline 2"; do \
	  $(DIFFERENTIAL) --most 1 --canary $$plant >/dev/null; \
	  test $$? -eq 1 || { echo "a planted difference was not found: $$plant" >&2; exit 1; }; \
	done; echo "three planted differences were found"
