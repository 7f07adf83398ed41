# The dashboard in a headless Chromium, fed by a mock of the proxy's API: takes two minutes. BROWSER_URL=http://... checks
# that of a running proxy instead, without the checks that need the mock. test-browser-real starts a proxy, memcacheds and a
# load, and changes them; test-browser-short is what takes a minute of it, for every change.

BROWSER_VENV := .build/browser-venv
BROWSER_PYTHON = $(BROWSER_VENV)/bin/python
BROWSER_URL ?=

.PHONY: test-browser test-browser-real test-browser-short browser-pictures browser-mock browser-venv

test-browser: browser-venv
	$(BROWSER_PYTHON) Tests/Browser/dashboard.py $(if $(BROWSER_URL),--url $(BROWSER_URL)) $(if $(ONLY),--only $(ONLY))

test-browser-real: browser-venv
	timeout 300 $(BROWSER_PYTHON) Tests/Browser/real.py $(if $(ONLY),--only $(ONLY))

test-browser-short: browser-venv
	timeout 120 $(BROWSER_PYTHON) Tests/Browser/real.py --short

# The pictures of the dashboard in docs, in ten minutes; smaller with pngquant, and as on a desktop with the font Inter.
browser-pictures: browser-venv
	$(BROWSER_PYTHON) Tests/Browser/shots.py

# The dashboard with made-up values, to work on the page: http://127.0.0.1:11312
browser-mock:
	python3 Tests/Browser/mock.py --servers 12 --pools 2

browser-venv:
	@.ci/packages browser run
	@$(BROWSER_PYTHON) -c 'import selenium' 2>/dev/null || \
	  { mkdir -p .build && python3 -m venv --clear $(BROWSER_VENV) && $(BROWSER_PYTHON) -m pip install --quiet \
	    --disable-pip-version-check selenium==4.51.0; }
