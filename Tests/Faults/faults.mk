# Faults played with real memcacheds behind a relay of the project's own, and what came of them beside its bar.
# Needs .build/release/ringroad, python3, memcached and a C compiler.

FAULTS = python3 Tests/Faults/faults.py
FAULTS_SEED ?= 1
# ONLY=F3,F12 plays these rows.
ONLY ?=
SOAK_SCALE ?= 1

.PHONY: test-faults test-faults-short test-faults-canary soak

# Every row, the canaries first: some minutes.
test-faults: $(if $(ONLY),,test-faults-canary)
	$(FAULTS) --seed $(FAULTS_SEED) $(if $(ONLY),--only $(ONLY)) --json .build/faults.json

# The rows that take a minute together.
test-faults-short:
	$(FAULTS) --short --seed $(FAULTS_SEED) $(if $(ONLY),--only $(ONLY))

# A proxy that lies must be found out by the same clients.
test-faults-canary:
	$(FAULTS) --canary

# A million connections, a thousand reloads, ten thousand flaps, ten minutes of mixed faults; SOAK_SCALE=0.01 for less.
soak:
	$(FAULTS) --soak --soak-scale $(SOAK_SCALE) --seed $(FAULTS_SEED) --json .build/soak.json
