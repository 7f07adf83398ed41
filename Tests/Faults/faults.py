#!/usr/bin/env python3
"""Plays the table of faults with real memcacheds, and holds what came of it against its bars.

    faults.py                          every row, some minutes
    faults.py --short                  the rows that take a minute together
    faults.py --only F3,F12            these
    faults.py --canary                 the clients must catch what a lying proxy does
    faults.py --soak                   a million connections, a thousand reloads, ten thousand flaps, ten minutes of all

A line for each row: PASS, FAIL or SKIP, with every figure beside its bar. Exit status 1 if one fails. Integrity is never
a matter of luck: one violation in one play fails a row. Figures of time are noisy: where one misses its bar the row is
played twice more, and the median decides.
"""

import argparse
import json
import os
import random
import shlex
import statistics
import sys
import time
import traceback

import canaries
import rows_bytes  # noqa: F401
import rows_clients  # noqa: F401
import rows_default  # noqa: F401
import rows_memory  # noqa: F401
import rows_operator  # noqa: F401
import rows_servers  # noqa: F401
import soak
from bars import Play, Skipped
from rig import default_binary
from table import ROWS


def played(row, options):
    play = Play(options, 0.5 if options.short else 1.0)
    try:
        row.play(play)
    finally:
        play.end()
    return play


def judged(row, options):
    """The bars of a row, and what was remarked. Played three times if only time was against it."""
    plays = [played(row, options)]
    while plays[-1].bars and len(plays) < 3:
        missed = [bar for bar in plays[0].bars if not bar.holds]
        if not missed or not all(bar.is_time for bar in missed):
            break
        plays.append(played(row, options))
    bars = plays[0].bars
    if len(plays) > 1:
        for bar in bars:
            values = [b.value for p in plays for b in p.bars if b.name == bar.name]
            if bar.is_time:
                known = sorted(float("inf") if v is None else v for v in values)
                middle = statistics.median(known)
                bar.value = None if middle == float("inf") else middle
            else:
                bar.value = next(
                    (b.value for p in plays for b in p.bars if b.name == bar.name and not b.holds), bar.value
                )
        names = {bar.name for bar in bars}
        bars += [b for p in plays[1:] for b in p.bars if b.name not in names and not b.holds]
    return bars, [remark for p in plays for remark in p.remarks], len(plays), plays[-1].log


def report(row, options, found):
    begin = time.monotonic()
    try:
        bars, remarks, plays, log = judged(row, options)
        state = "PASS" if bars and all(bar.holds for bar in bars) else "FAIL"
        text = "; ".join(("" if bar.holds else "!! ") + str(bar) for bar in bars)
    except Skipped as reason:
        state, bars, remarks, plays, text, log = "SKIP", [], [], 1, str(reason), ""
    except Exception:
        state, bars, remarks, plays, text, log = "FAIL", [], [traceback.format_exc()], 1, "could not be played", ""
    took = time.monotonic() - begin
    print(
        f"{row.name:5} {state}  {row.title} [{took:.1f} s{', median of 3' if plays > 1 else ''}]\n            {text}",
        flush=True,
    )
    if state == "FAIL" or options.verbose:
        for remark in remarks[: 100 if options.verbose else 4]:
            print(
                "            | "
                + remark.rstrip()[: 100000 if options.verbose else 1500].replace("\n", "\n            | "),
                flush=True,
            )
    if state == "FAIL" and options.keep_logs and log:
        path = os.path.join(options.keep_logs, f"{row.name}.log")
        os.makedirs(options.keep_logs, exist_ok=True)
        with open(path, "w") as file:
            file.write(log)
    found.append({
        "row": row.name, "title": row.title, "state": state, "seconds": round(took, 1), "plays": plays, "text": text,
        "bars": [{"name": b.name, "value": plain(b.value), "relation": b.relation, "limit": plain(b.limit),
                  "unit": b.unit.strip(), "holds": b.holds} for b in bars],
        "remarks": remarks[:20],
    })  # fmt: skip
    return state


def plain(value):
    """What JSON can hold."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=default_binary())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="rows by name, with commas between")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--canary", action="store_true")
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--soak-scale", type=float, default=1.0, help="0.01: a hundredth of everything")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", help="where the results go as JSON")
    parser.add_argument("--keep-logs", help="a folder for the logs of rows that failed")
    parser.add_argument("--verbose", action="store_true", help="all that was remarked, of rows that passed as well")
    options = parser.parse_args()
    options.command = shlex.join(
        [sys.executable, os.path.abspath(__file__), "--binary", options.binary, "--seed", str(options.seed)]
    )
    random.seed(options.seed)
    rows = {**canaries.ROWS} if options.canary else {**soak.ROWS} if options.soak else ROWS
    if options.only:
        names = options.only.split(",")
        unknown = [name for name in names if name not in rows]
        if unknown:
            parser.error(f"no such row: {', '.join(unknown)}")
        chosen = [rows[name] for name in names]
    else:
        chosen = [row for row in rows.values() if row.is_short or not options.short]
    if options.list:
        for row in chosen:
            print(f"{row.name:5} {row.title}")
        return 0
    begin = time.monotonic()
    found = []
    states = [report(row, options, found) for row in chosen]
    seconds = time.monotonic() - begin
    print(
        f"{len(states)} rows in {seconds:.0f} s: {states.count('PASS')} pass, {states.count('FAIL')} fail, {states.count('SKIP')} skipped"
    )
    if options.json:
        with open("/dev/stdout" if options.json == "-" else options.json, "w") as file:
            json.dump({"seed": options.seed, "seconds": round(seconds, 1), "rows": found}, file, indent=1)
    return 1 if "FAIL" in states else 0


if __name__ == "__main__":
    sys.exit(main())
