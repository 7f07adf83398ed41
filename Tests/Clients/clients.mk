# Real client libraries and tools, each against one memcached and against ringroad in front of three, and while one
# of the three fails. Needs .build/release/ringroad; apt, pip and gem install the rest. A client that cannot be
# installed on this machine is named, and the others run.

CLIENTS_GEMS := .build/clients-gems
CLIENTS = $(VENV)/bin/python Tests/Clients/clients.py
OUTAGE = python3 Tests/Clients/outage.py
RECIPES = python3 Tests/Clients/recipes.py
OUTAGE_VENV := .build/outage-venv
OUTAGE_PINS := Tests/Clients/outage/requirements.txt

.PHONY: test-clients test-clients-short test-clients-canary clients-gems
.PHONY: test-clients-outage test-clients-outage-short test-clients-outage-canary outage-packages
.PHONY: test-recipes test-recipes-short test-recipes-canary recipes-packages

# Everyday use by each client, and the libraries' own tests: takes minutes.
test-clients: venv clients-gems
	$(CLIENTS)

# Part of `make test`: everyday use by each client.
test-clients-short: venv clients-gems
	$(CLIENTS) --short

# Each of them must detect damaged replies.
test-clients-canary: venv
	for client in pymemcache pylibmc python-memcached aiomcache django; do \
	  timeout 300 $(CLIENTS) --short --canary --only $$client | grep -m 1 "^FAILED" || exit 1; done

# dalli before 3.2, such as Debian 12's, speaks only the binary protocol; where a newer gem cannot be installed, the
# other clients run.
clients-gems:
	@.ci/packages clients
	@! command -v gem >/dev/null || test -d $(CLIENTS_GEMS)/gems || \
	  timeout 60 gem install --quiet --silent --no-document --install-dir $(CLIENTS_GEMS) dalli --version 4.3.3 \
	    2>/dev/null || true

# What each client gets for the keys of two servers while the third is gone, or hangs: takes a minute and a half.
test-clients-outage: $(OUTAGE_VENV)/installed clients-gems
	timeout 900 $(OUTAGE) --json .build/outage.json

# The same in a minute.
test-clients-outage-short: $(OUTAGE_VENV)/installed clients-gems
	timeout 600 $(OUTAGE) --short

# With error lines for failed writes these two clients take the proxy for dead; the test must detect that.
test-clients-outage-canary: $(OUTAGE_VENV)/installed
	for client in pecl-memcache pylibmc; do \
	  timeout 300 $(OUTAGE) --short --errors --only $$client | grep -m 1 "answers wrong" || exit 1; done

# The recipes of docs/CLIENTS.md, each with its client through outages and returns: takes a minute.
test-recipes: recipes-packages
	timeout 900 $(RECIPES)

# The same in half a minute.
test-recipes-short: recipes-packages
	timeout 300 $(RECIPES) --short

# Without the deletions before a return, old values are seen; the recipes must detect that.
test-recipes-canary: recipes-packages
	timeout 300 $(RECIPES) --short --only "PHP, cache" --settings "rejoin: as_is" | grep "FAILED PHP, cache, hangs"

recipes-packages: venv clients-gems
	@.ci/packages outage recipes

outage-packages:
	@.ci/packages test outage

# One by one, so that one that cannot be installed does not prevent the others.
$(OUTAGE_VENV)/installed: $(OUTAGE_PINS) | outage-packages
	@mkdir -p .build && python3 -m venv --clear $(OUTAGE_VENV)
	@while read -r pin; do $(OUTAGE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check "$$pin" </dev/null || \
	  echo "could not install $$pin" >&2; done <$(OUTAGE_PINS)
	@touch $@
