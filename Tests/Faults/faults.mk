# Faults, with real memcacheds behind the project's relay; each result is compared with its bar.
# Needs .build/release/ringroad, python3, memcached and a C compiler.

FAULTS = python3 Tests/Faults/faults.py
FAULTS_SEED ?= 1
# ONLY=F3,F12 runs only these rows.
ONLY ?=
SOAK_SCALE ?= 1

.PHONY: test-faults test-faults-short test-faults-canary soak

# Every row, the canaries first: takes some minutes.
test-faults: $(if $(ONLY),,test-faults-canary)
	$(FAULTS) --seed $(FAULTS_SEED) $(if $(ONLY),--only $(ONLY)) --json .build/faults.json

# The rows that together take a minute.
test-faults-short:
	$(FAULTS) --short --seed $(FAULTS_SEED) $(if $(ONLY),--only $(ONLY))

# The same clients must detect a proxy that lies.
test-faults-canary:
	$(FAULTS) --canary

# A million connections, a thousand reloads, ten thousand flaps, ten minutes of mixed faults; SOAK_SCALE=0.01 for less.
soak:
	$(FAULTS) --soak --soak-scale $(SOAK_SCALE) --seed $(FAULTS_SEED) --json .build/soak.json
