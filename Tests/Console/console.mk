# `ringroad top` in a pseudo-terminal, and `ringroad health`, with a real proxy: half a minute. Part of the Swift tests.
# Needs .build/release/ringroad, memcached and python3; CONSOLE_BINARY names another binary.

CONSOLE_BINARY ?= .build/release/ringroad

.PHONY: test-top

test-top:
	@.ci/packages run
	python3 Tests/Console/top.py --binary $(CONSOLE_BINARY)
