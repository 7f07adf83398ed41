# `ringroad adopt` with memcacheds that real clients have filled, each of 100 random clusters by another one: minutes.
# Needs .build/release/ringroad; apt and pip install the rest. ADOPT_BINARY names another binary, ADOPT_SEED other clusters.

ADOPT_BINARY ?= .build/release/ringroad
ADOPT_SEED ?= 1
ADOPT = $(VENV)/bin/python Tests/Placement/adopt.py --binary $(ADOPT_BINARY) --seed $(ADOPT_SEED)

.PHONY: test-adopt test-adopt-short adopt-packages

test-adopt: venv adopt-packages
	timeout 1200 $(ADOPT) --clusters 100 --mixtures 20

# The same with ten clusters, in less than a minute.
test-adopt-short: venv adopt-packages
	timeout 300 $(ADOPT) --clusters 10 --mixtures 3 --short

adopt-packages:
	@.ci/packages adopt
