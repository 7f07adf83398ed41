#!/usr/bin/env python3
"""Checks the dashboard of a real proxy, with three memcacheds behind it and a load, in a headless browser.

  real.py                 all checks
  real.py --short         those that need a real proxy; under 90 s
  real.py --only WORD     the checks with this word in their name
"""
import argparse
import sys
import time

import checks
from browser import open_browser
from dashboard import run
from page import Page
from real_checks import REAL
from stage import Stage

# Checks of any dashboard, which change nothing: see checks.py. Some expect that nothing happens meanwhile.
SHORT = [checks.policy_is_strict_and_in_force, checks.pools_are_those_of_the_api, checks.events_are_those_of_the_api]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    results = []
    begun = time.monotonic()
    driver = open_browser()
    try:
        with Stage() as stage:
            stage.start_load()
            page = Page(driver, stage.url)
            jobs = [(check.__name__, lambda page, check=check: check(page, stage)) for check in REAL]
            jobs[-1:-1] = [(check.__name__, check) for check in (SHORT if options.short else checks.SHARED)]
            for name, check in jobs:
                if options.only in name:
                    results.append(run(name, check, page))
    finally:
        driver.quit()
    print(f"{sum(results)} of {len(results)} checks of a real proxy's dashboard passed in {time.monotonic() - begun:.0f} s")
    sys.exit(0 if results and all(results) else 1)


if __name__ == "__main__":
    main()
