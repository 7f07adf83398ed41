# Real client libraries and tools, each against one memcached and against ringroad in front of three.
# Needs .build/release/ringroad; what else it needs is installed by apt, pip and gem.

CLIENTS_VENV := .build/clients-venv
CLIENTS_GEMS := .build/clients-gems
CLIENTS = $(CLIENTS_VENV)/bin/python Tests/Clients/clients.py

.PHONY: test-clients test-clients-short test-clients-canary clients-venv clients-gems

# Everyday use by each client, and the libraries' own tests: minutes.
test-clients: clients-venv clients-gems
	@.ci/packages clients
	$(CLIENTS)

# Everyday use by the Python libraries: seconds.
test-clients-short: clients-venv
	$(CLIENTS) --short

# Damaged answers must be found out by each of them.
test-clients-canary: clients-venv
	for client in pymemcache pylibmc python-memcached aiomcache django; do \
	  timeout 300 $(CLIENTS) --short --canary --only $$client | grep -m 1 "^FAILED" || exit 1; done

clients-venv:
	@.ci/packages test
	@$(CLIENTS_VENV)/bin/python -c 'import aiomcache, django, memcache, mock, pylibmc, pymemcache, pytest' 2>/dev/null || \
	  { mkdir -p .build && python3 -m venv --clear $(CLIENTS_VENV) && $(CLIENTS_VENV)/bin/python -m pip install --quiet \
	    --disable-pip-version-check pymemcache==4.0.0 pylibmc==1.6.3 python-memcached==1.62 aiomcache==0.8.2 \
	    django==5.2.19 pytest==9.2.0 mock==5.2.0 setuptools; }

# Debian's dalli knows the binary protocol only; where its newer gem cannot be had, the rest is run.
clients-gems:
	@.ci/packages clients
	@test -d $(CLIENTS_GEMS)/gems || \
	  timeout 60 gem install --quiet --silent --no-document --install-dir $(CLIENTS_GEMS) dalli --version 4.3.3 || true
