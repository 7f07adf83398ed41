# `ringroad import` with a real twemproxy: where its pools send keys, and where `ringroad route` has them: 20 s.
# Needs nutcracker (apt installs it) and python3; IMPORT_BINARY names another binary than the release build.

IMPORT_BINARY ?= .build/release/ringroad

.PHONY: test-import test-import-short

# Every hash and distribution, and servers of all kinds: 10,000 keys for each of 37 pools.
test-import:
	@.ci/packages import
	timeout 180 python3 Tests/Placement/import.py --binary $(IMPORT_BINARY)

# Six pools, a thousand keys for each: seconds.
test-import-short:
	@.ci/packages import
	timeout 60 python3 Tests/Placement/import.py --binary $(IMPORT_BINARY) --short
