# ringroad in front of fakes of seven memcached versions, which answer as recorded.
# Needs .build/release/ringroad and python3; DIALECTS_BINARY names another binary.

DIALECTS_BINARY ?= .build/release/ringroad
DIALECTS_DRIVE = python3 Tests/Dialects/drive.py --binary $(DIALECTS_BINARY)
DIALECTS_SEED ?= 1

.PHONY: test-dialects test-dialects-short test-dialects-fakes

# Every row and 2,000 sequences of every version, every fleet: takes minutes.
test-dialects: test-dialects-fakes
	$(DIALECTS_DRIVE) --seeds 2000 --seed $(DIALECTS_SEED)

# Part of `make test`: the same with fewer sequences and every second row.
test-dialects-short: test-dialects-fakes
	$(DIALECTS_DRIVE) --every 2 --seeds 150 --seed $(DIALECTS_SEED) --seconds 0.4 --show 2

# Compares the fakes with all recorded rows; with MEMCACHED_DIR, real servers too.
test-dialects-fakes:
	python3 Tests/Dialects/check_rows.py
