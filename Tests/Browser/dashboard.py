#!/usr/bin/env python3
"""Checks the dashboard in a headless browser.

  dashboard.py                 against a mock of the proxy: everything
  dashboard.py --url URL       against a running proxy: what can be checked without changing it
  dashboard.py --only WORD     the checks with this word in their name
"""
import argparse
import sys
import time
import traceback

from browser import open_browser
from checks import SHARED
from mock import Mock
from mock_checks import MOCK_ONLY
from page import Failure, Page
from world import World

# The shared checks run with few servers and with many.
SHARED_WORLDS = [("6 servers", lambda: World(6, 2)), ("60 servers", lambda: World(60, 3))]


def run(name, check, page):
    begun = time.monotonic()
    try:
        note = check(page)
    except Failure as failure:
        print(f"FAILED {name}: {failure}", flush=True)
        return False
    except Exception:  # A check that breaks has failed; the others still run.
        print(f"FAILED {name}:\n{traceback.format_exc(limit=-4)}", flush=True)
        return False
    print(f"ok     {name} ({time.monotonic() - begun:.1f} s){': ' + note if note else ''}", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running proxy's admin listener, such as http://127.0.0.1:11312")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    jobs = []  # (name, check, world)
    for label, world in [("the proxy", None)] if options.url else SHARED_WORLDS:
        jobs += [(f"{check.__name__}, {label}", check, world) for check in SHARED]
    if not options.url:
        jobs += [(check.__name__, check, world) for check, world in MOCK_ONLY]
    jobs = [job for job in jobs if options.only in job[0]]
    driver = open_browser()
    results = []
    try:
        for name, check, world in jobs:
            mock = Mock(world()) if world else None
            try:
                results.append(run(name, check, Page(driver, mock.url if mock else options.url, mock)))
            finally:
                driver.get("about:blank")
                if mock:
                    mock.stop()
    finally:
        driver.quit()
    print(f"{sum(results)} of {len(results)} checks of the dashboard passed")
    sys.exit(0 if results and all(results) else 1)


if __name__ == "__main__":
    main()
