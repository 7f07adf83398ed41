# Real client libraries and tools, each against one memcached and against ringroad in front of three.
# Needs .build/release/ringroad; what else it needs is installed by apt, pip and gem. A client that cannot be
# had on this machine is named, and the others are run.

CLIENTS_GEMS := .build/clients-gems
CLIENTS = $(VENV)/bin/python Tests/Clients/clients.py

.PHONY: test-clients test-clients-short test-clients-canary clients-gems

# Everyday use by each client, and the libraries' own tests: minutes.
test-clients: venv clients-gems
	$(CLIENTS)

# Part of `make test`: everyday use by each client.
test-clients-short: venv clients-gems
	$(CLIENTS) --short

# Damaged answers must be found out by each of them.
test-clients-canary: venv
	for client in pymemcache pylibmc python-memcached aiomcache django; do \
	  timeout 300 $(CLIENTS) --short --canary --only $$client | grep -m 1 "^FAILED" || exit 1; done

# A dalli before 3.2, such as Debian 12's, knows the binary protocol only; where a newer gem cannot be had, the
# rest is run.
clients-gems:
	@.ci/packages clients
	@! command -v gem >/dev/null || test -d $(CLIENTS_GEMS)/gems || \
	  timeout 60 gem install --quiet --silent --no-document --install-dir $(CLIENTS_GEMS) dalli --version 4.3.3 \
	    2>/dev/null || true
