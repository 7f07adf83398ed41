# The dashboard: page.html, page.css and the scripts beside them, bundled into one Swift file.

.PHONY: page

page:
	python3 Sources/Admin/Page/bundle.py
