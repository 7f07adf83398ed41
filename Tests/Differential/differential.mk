# ringroad beside a real memcached: the same bytes to both, the same bytes from both.
# Needs .build/release/ringroad, python3 and memcached 1.6.18 on the path.

DIFFERENTIAL = python3 Tests/Differential/differential.py
DIFFERENTIAL_SEED ?= 1

.PHONY: test-differential test-differential-short test-differential-canary

# 20,000 sequences over one server and over three, then the canaries: minutes.
test-differential:
	$(DIFFERENTIAL) --seeds 20000 --seed $(DIFFERENTIAL_SEED)
	$(MAKE) test-differential-canary

test-differential-short:
	$(DIFFERENTIAL) --seeds 500 --seed $(DIFFERENTIAL_SEED)

# A planted difference must be found: a relay that alters a byte now and then, a memcached without cas numbers.
test-differential-canary:
	$(DIFFERENTIAL) --seeds 300 --canary relay >/dev/null; test $$? -eq 1
	$(DIFFERENTIAL) --seeds 300 --canary option >/dev/null; test $$? -eq 1
