# The admin interface with real programs: Prometheus, collectd, munin, a checker of HTTP APIs, and clients that mean harm.
# Needs .build/release/ringroad, python3 and memcached; apt and pip install the rest.

ADMIN_VENV := .build/admin-venv
ADMIN_PINS := Tests/Admin/requirements.txt
ADMIN = $(ADMIN_VENV)/bin/python Tests/Admin

.PHONY: test-admin test-admin-short test-admin-hostile admin-packages

# All of it: takes three minutes.
test-admin: $(ADMIN_VENV)/installed
	timeout 100 $(ADMIN)/formats.py
	timeout 300 $(ADMIN)/scrape.py
	timeout 300 $(ADMIN)/api.py
	timeout 100 $(ADMIN)/monitors.py
	$(MAKE) test-admin-hostile

# What takes a minute of it, for every change.
test-admin-short: $(ADMIN_VENV)/installed
	timeout 100 $(ADMIN)/formats.py
	timeout 150 $(ADMIN)/scrape.py --short
	timeout 100 $(ADMIN)/api.py --short
	timeout 100 $(ADMIN)/monitors.py
	timeout 100 $(ADMIN)/hostile.py --short

# Malformed and slow requests, and more connections than the interface takes, beside a load of ordinary clients.
test-admin-hostile: $(ADMIN_VENV)/installed
	timeout 300 $(ADMIN)/hostile.py

admin-packages:
	@.ci/packages test admin

$(ADMIN_VENV)/installed: $(ADMIN_PINS) | admin-packages
	@mkdir -p .build && python3 -m venv --clear $(ADMIN_VENV)
	@$(ADMIN_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $(ADMIN_PINS)
	@touch $@
