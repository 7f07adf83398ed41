#!/usr/bin/env python3
"""Drives ringroad over fake memcacheds of recorded versions, and tells where it answers otherwise than it should.

    drive.py                          everything, for all versions
    drive.py --version 1.6.9 rows     the recorded rows of one version; --show N prints N kinds of difference
    drive.py --seeds 500 sequences    seeded sequences beside a model of the version
    drive.py gets bodies limit        several clients at once

What a client should see is the version's own answer (Tests/Dialects/answers.json.gz), but for the departures that
docs/PROTOCOL.md declares: a value whose length was declared is thrown away with its refused line and never run;
meta commands that no later version understands are refused; a delay of flush_all that is no number is refused; answers are not
lost; ringroad may refuse in words of its own. `through_proxy` of versions.py has what the model knows of them.
"""

import argparse
import sys
import time

import fleet  # noqa: F401  makes Tests/Differential importable
from hazards import FLEETS, check_bodies, check_limit, check_merged_gets
from recording import rows
from rowplay import play_rows
from sequenceplay import play_sequences
from servers import default_binary
from versions import VERSIONS

PARTS = ("rows", "sequences", "gets", "bodies", "limit")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"which of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--version", action="append", choices=list(VERSIONS), help="only these versions")
    parser.add_argument("--seeds", type=int, default=1000, help="how many sequences of each version")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--seconds", type=float, default=3, help="how long each check with several clients lasts")
    parser.add_argument("--show", type=int, default=5, help="how many kinds of difference to print")
    parser.add_argument("--every", type=int, default=1, help="play only every Nth row")
    parser.add_argument("--binary", default=default_binary())
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    parts = options.parts or PARTS
    versions = options.version or list(VERSIONS)
    faults = {}
    begun = time.monotonic()

    def run(part, play):
        if part in parts:
            print(f"--- {part}")
            faults[part] = play()

    all_rows = list(rows())[:: options.every]
    seeds = range(options.seed, options.seed + options.seeds)
    fleets = [one for one in FLEETS if not options.version or set(one) <= set(versions)]
    run("rows", lambda: sum(play_rows(options.binary, version, all_rows, options.show) for version in versions))
    run("sequences", lambda: sum(play_sequences(options.binary, version, seeds, options.show) for version in versions))
    run("gets", lambda: check_merged_gets(options.binary, options.seconds))
    run("bodies", lambda: check_bodies(options.binary, options.seconds, fleets))
    run("limit", lambda: check_limit(options.binary, max(4, options.seconds)))
    print(f"--- {time.monotonic() - begun:.0f} s")
    for part, count in faults.items():
        print(f"{part}: {'right' if not count else f'{count} faults'}")
    passed = sum(not count for count in faults.values())
    print(f"{passed} passed, {len(faults) - passed} failed")
    return 1 if passed < len(faults) else 0


if __name__ == "__main__":
    sys.exit(main())
