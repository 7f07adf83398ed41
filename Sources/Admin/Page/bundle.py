#!/usr/bin/env python3
"""Bundles the dashboard's files into one page, and writes it with its content security policy into PageBytes.swift.

  bundle.py          writes PageBytes.swift
  bundle.py --check  fails if PageBytes.swift is not what it would write
"""
import base64
import hashlib
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
SWIFT = FOLDER.parent / "PageBytes.swift"
SCRIPTS = ["units.js", "elements.js", "data.js", "ring.js", "servers.js", "panels.js", "plan.js", "charts.js", "events.js", "page.js"]

TEMPLATE = '''// swift-format-ignore-file
// Written by `make page` from the files in Page.

/// The dashboard: one page with its style and script, and the policy that lets a browser run these alone.
package enum DashboardPage {
  /// The value of the page's `Content-Security-Policy` header.
  package static let contentSecurityPolicy: StaticString =
    "%s"

  package static let html: StaticString = #"""
%s
"""#
}
'''


def read(name):
    return (FOLDER / name).read_text(encoding="utf-8")


def compact(text, comment):
    """The lines without indentation, without empty ones, and without those that are a comment."""
    lines = (line.strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line and not (line.startswith(comment) and is_whole(line, comment)))


def is_whole(line, comment):
    return comment == "//" or line.endswith("*/")


def digest(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def bundle():
    """The page and its policy."""
    style = "\n" + compact(read("page.css"), "/*") + "\n"
    script = "\n".join(compact(read(name), "//") for name in SCRIPTS)
    script = '\n(() => {\n"use strict";\n' + script + "\n})();\n"
    if "</" in style or "</" in script:
        sys.exit("bundle.py: the style or the script has a closing tag in it")
    page = compact(read("page.html"), "<!--").replace("{{style}}", style).replace("{{script}}", script)
    policy = "; ".join([
        "default-src 'none'", "style-src " + digest(style), "script-src " + digest(script), "connect-src 'self'",
        "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ])
    return page, policy


def swift():
    page, policy = bundle()
    if '"""' in page or "\\#" in page:
        sys.exit("bundle.py: the page has the end of a Swift string, or an escape, in it")
    return TEMPLATE % (policy, page)


def main():
    text = swift()
    if sys.argv[1:] == ["--check"]:
        if not SWIFT.exists() or SWIFT.read_text(encoding="utf-8") != text:
            sys.exit("Sources/Admin/PageBytes.swift is not what the files in Sources/Admin/Page make: make page")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        SWIFT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
