"""The recipes of docs/CLIENTS.md, each with its real client through outages and returns.

    recipes.py [--short] [--only NAME]... [--settings TEXT] [BINARY]

Each recipe has three memcacheds, a ringroad with the page's file, and a program with the page's settings. One server
hangs, or is killed and started again, or the proxy is restarted. A recipe fails if a key of the other servers gets a
wrong answer, if the client sees an error while a server is out, if an answer takes too long, if a value that was
overwritten or deleted is seen, or if the client does not use all keys after the return.
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in (os.path.join(HERE, "outage"), os.path.join(HERE, "recipes"), os.path.join(HERE, os.pardir, "Differential")):
    sys.path.insert(1, folder)

from cast import CAST  # noqa: E402
from libraries import Absent  # noqa: E402
from plays import play  # noqa: E402
from servers import default_binary  # noqa: E402

# What is in doubt when a server hangs is deleted: a request at a time, until it is known to be out.
IN_DOUBT = 6
AGAIN = 3


def shortfalls(recipe, kind, one):
    """What is wrong, in words."""
    for complaint, count in one.wrong.most_common(3):
        yield f"{count} times {complaint!r:.200}"
    if kind != "proxy" and one.errors:
        yield f"{one.errors} errors"
    if kind != "proxy" and one.longest > recipe.seconds:
        yield f"an answer took {one.longest:.1f} s"
    if kind == "hangs" and recipe.is_held and one.there < one.failing - IN_DOUBT:
        yield f"{one.there} of {one.failing} are still there after the return"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default=default_binary())
    parser.add_argument("--short", action="store_true", help="outages of 2 s instead of 5 s")
    parser.add_argument("--only", action="append", metavar="NAME", help="only recipes that begin with this")
    parser.add_argument("--settings", default="", help="a line more for each pool of ringroad's file")
    parser.add_argument("--seed", type=int, default=1, help="of the requests that are drawn")
    options = parser.parse_args()
    if not os.access(options.binary, os.X_OK):
        parser.error(f"there is no {options.binary} yet: make build")
    chosen = [one for one in CAST if one.name.lower().startswith(tuple(map(str.lower, options.only or [""])))]
    if not chosen:
        parser.error("no recipe has such a name")

    def played(recipe, kind, seed=options.seed):
        """The outcome, None if there is none, and what was wrong. Raises Absent."""
        try:
            one = play(recipe, kind, 2 if options.short else 5, options.binary, options.settings, seed)
        except (OSError, RuntimeError) as error:
            return None, [str(error)]
        return one, list(shortfalls(recipe, kind, one))

    failed, absent, passed, again = {}, {}, 0, AGAIN
    print(f"{'':<26}{'':<8}{'given':>7}{'lost':>7}{'errors':>8}{'longest':>9}{'there':>9}")
    with ThreadPoolExecutor(max_workers=6) as pool:
        runs = [(one, kind, pool.submit(played, one, kind)) for one in chosen for kind in one.outages]
        for recipe, kind, run in runs:
            try:
                one, complaints = run.result()
            except Absent as reason:
                absent[recipe.name] = str(reason)
                continue
            if complaints and again:
                # A busy machine: once more.
                again -= 1
                one, complaints = played(recipe, kind, options.seed + 1)
            if one:
                print(f"{recipe.name:<26}{kind:<8}{one.given:>7}{one.lost:>7}{one.errors:>8}{one.longest:>7.2f} s"
                      f"{one.there:>5}/{one.failing}", flush=True)
            if complaints:
                failed[f"{recipe.name}, {kind}"] = complaints
            passed += not complaints
    for name, lines in failed.items():
        print(f"FAILED {name}:\n  " + "\n  ".join(lines))
    for name, reason in absent.items():
        print(f"skipped {name}: {reason}")
    print(f"{passed} passed, {len(failed)} failed, {len(absent)} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
