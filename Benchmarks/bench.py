#!/usr/bin/env python3
"""Measures ringroad beside other memcached proxies on one machine, and holds it against the bars of workloads.py.

Subjects take turns within every round, and the order turns round every other round, so that what else the
machine does falls on all alike. CPU per request is the steadiest figure: the run time of all of a proxy's
threads over the requests answered meanwhile. docs/PERFORMANCE.md tells how to read the rest.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import sys
import time

import subjects
import tables
import verdicts
import workloads
from rig import HERE, LOADGEN, Rig, Trouble
from trials import REFERENCE, Bench
from workloads import Trial

DEFAULT_SUBJECTS = Trial.subjects


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(workloads.QUICK)} over fake servers, under a minute")
    parser.add_argument("--long", action="store_true", help="every workload over fake and over real servers, 5 rounds of 1.5 s: half an hour")
    parser.add_argument("--servers", help="fake, real or fake,real: those trials only; real: memcached from PATH")
    parser.add_argument("--workloads", help=f"those trials only; some of {','.join(workloads.ALL)}")
    parser.add_argument("--subjects", help=f"instead of what each trial needs; some of {','.join(DEFAULT_SUBJECTS)}")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=KIND:PATH",
                        help="one more subject, such as before=ringroad:/tmp/before/ringroad")
    parser.add_argument("--ringroad", default=str(HERE.parent / ".build/release/ringroad"), metavar="PATH")
    parser.add_argument("--rounds", type=int, help="of every trial; by default what each needs, quick 3")
    parser.add_argument("--seconds", type=float, help="of each measurement; by default what each needs, quick 0.8")
    parser.add_argument("--after", type=float, default=60, metavar="SECONDS", help="from a burst to the last look at memory; default 60")
    parser.add_argument("--syscalls", action="store_true", help="count system calls per request too (perf, else strace)")
    parser.add_argument("--no-pin", action="store_true", help="do not give the proxy a CPU of its own")
    parser.add_argument("--assert", action="store_true", dest="asserts",
                        help=f"fail when CPU per request against {REFERENCE} over fake servers exceeds {workloads.ASSERTED}")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write the JSON, and Markdown beside it; default Benchmarks/results/")
    return parser.parse_args()


def chosen_trials(options):
    """What the plan holds of the workloads and servers asked for, and what was asked for beyond it."""
    kinds = options.servers.split(",") if options.servers else None
    names = options.workloads.split(",") if options.workloads else None
    unknown = {*(names or ())} - {*workloads.ALL} or {*(kinds or ())} - {"fake", "real"}
    if unknown:
        raise Trouble(f"unknown workload or servers: {', '.join(sorted(unknown))}")
    if options.long or options.quick:
        kinds = kinds or (["fake", "real"] if options.long else ["fake"])
        every = [name for name, workload in workloads.ALL.items() if not workload.is_spread]
        length = {"rounds": 5, "seconds": 1.5} if options.long else {"rounds": 3, "seconds": 0.8}
        trials = [Trial(kind, workloads.ALL[name], **length) for kind in kinds for name in names or (every if options.long else workloads.QUICK)]
    else:
        trials = [trial for trial in workloads.PLAN if (not kinds or trial.servers in kinds) and (not names or trial.workload.name in names)]
        planned = {trial.workload.name for trial in trials}
        trials += [Trial(kind, workloads.ALL[name]) for kind in kinds or ["fake"] for name in names or () if name not in planned]
    changes = {name: value for name, value in {"rounds": options.rounds, "seconds": options.seconds}.items() if value}
    if options.subjects is not None:
        changes["subjects"] = tuple(filter(None, options.subjects.split(",")))
    return [dataclasses.replace(trial, **changes) for trial in trials]


def chosen_subjects(options, trials):
    """Name to subject, of all that the trials need and that are there."""
    others = dict(subjects.parse_other(text) for text in options.also)
    found = {}
    for name in dict.fromkeys([*(name for trial in trials for name in trial.subjects), *others]):
        subject = subjects.find(name, options.ringroad, others)
        if subject:
            found[name] = subject
        else:
            print(f"left out: {name} (not installed; see --ringroad, $NUTCRACKER, $MCPROXY)", file=sys.stderr)
    if not any(subject.kind != "canned" for subject in found.values()):
        raise Trouble("no proxy to measure")
    return found


def show(result):
    """Prints a trial's table as soon as it is measured."""
    workload = workloads.ALL[result["workload"]]
    rounds, seconds = result["rounds_of"]
    print(f"\n{workload.name} over {result['servers']} servers: {result['what']}; "
          + (f"{rounds} rounds of {seconds:g} s; " if not workload.is_burst else "") + f"load average {result['load_average']:.1f}")
    if workload.is_burst:
        print(f"{'':14}{'RSS MB: before':>16}{'at the most':>13}{'soon after':>12}{'at the end':>12}")
        for row in result["rows"]:
            figures = (row[figure] / 1024 for figure in ("rss_before_kb", "rss_peak_kb", "rss_soon_kb", "rss_kb"))
            shown = "".join(f"{figure:>{width}.1f}" for figure, width in zip(figures, (16, 13, 12, 12)))
            print(f"{row['subject']:14}{shown}{void(row)}", flush=True)
        return
    print(f"{'':14}{'cpu us':>8}{'user':>7}{'system':>7}{'  cpu against ' + REFERENCE:26}{'busy':>6}{'requests/s':>11}{'x':>6}"
          f"{'p50 us':>8}{'p99 us':>8}{'p99.9':>8}{'calls':>7}{'RSS MB':>8}" + ("  B/connection" if workload.is_idle else ""))
    for row in result["rows"]:
        ratio = against = ""
        if "cpu_us_ratio" in row:
            low, high = row["cpu_us_ratios"]
            against = f"{row['cpu_us_ratio']:>6.2f}  ({low:.2f} ... {high:.2f})"
            ratio = f"{row['rps_ratio']:.2f}"
        calls = f"{row['syscalls']:.2f}" if row["syscalls"] is not None else "-"
        user = row["cpu_us"] * row["user_share"]
        print(f"{row['subject']:14}{row['cpu_us']:>8.2f}{user:>7.2f}{row['cpu_us'] - user:>7.2f}  {against:24}{row['busy'] * 100:>5.0f}%"
              f"{row['rps']:>11.0f}{ratio:>6}{row['p50_us']:>8.0f}{row['p99_us']:>8.0f}{row['p999_us']:>8.0f}{calls:>7}{row['rss_kb'] / 1024:>8.1f}"
              + (f"{row['bytes_per_connection']:>14.0f}" if workload.is_idle else "") + void(row), flush=True)


def void(row):
    return f"   {row['failures']} FAILURES: void" if row["failures"] else ""


def broken_bars(results):
    """What --assert finds wrong, one line each."""
    wrong = []
    for workload, bar in workloads.ASSERTED.items():
        rows = [row for result in results if (result["servers"], result["workload"]) == ("fake", workload)
                for row in result["rows"] if row["subject"] == "ringroad"]
        if not rows or "cpu_us_ratio" not in rows[0]:
            wrong.append(f"{workload}: ringroad was not measured against {REFERENCE} over fake servers")
        elif rows[0]["cpu_us_ratio"] > bar:
            wrong.append(f"{workload}: {rows[0]['cpu_us_ratio']:.2f} of {REFERENCE}'s CPU per request; the bar is {bar:.2f}")
    return wrong


def conclude(results):
    lines = [verdict.cells() for verdict in verdicts.verdicts(results)]
    if lines:
        print(f"\nAgainst the bars (CPU per request, against the better of {' and '.join(workloads.PEERS)}, where nothing else is named):\n")
        print(tables.plain(verdicts.HEADER, lines))


def write(options, measured):
    now = datetime.datetime.now()
    path = pathlib.Path(options.output) if options.output else HERE / "results" / f"{now:%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(measured, indent=1) + "\n")
    path.with_suffix(".md").write_text(tables.results(measured) + "\n")
    print(f"\nwritten: {path} and {path.with_suffix('.md').name}")


def main():
    options = arguments()
    if not LOADGEN.exists():
        raise Trouble(f"first: make -C {HERE}")
    trials = chosen_trials(options)
    chosen = chosen_subjects(options, trials)
    others = [name for name in chosen if any(text.startswith(f"{name}=") for text in options.also)]
    print(f"{os.cpu_count()} CPUs, load average {' '.join(f'{x:.1f}' for x in os.getloadavg())}. With other work on the machine "
          "compare CPU per request, and only within one table; requests/s and latencies mean little.")
    measured = tables.head(options, chosen.values())
    results = measured["results"] = []
    started, unsound = time.monotonic(), 0
    try:
        for is_spread in (False, True):
            with Rig(pinned=not (options.no_pin or is_spread)) as rig:
                bench = Bench(rig, options.syscalls, options.after, warmup=0.3 if options.long else 0.15)
                for trial in trials:
                    if trial.workload.is_spread == is_spread:
                        names = [*trial.subjects, *(() if is_spread else others)]
                        results.append(bench.run(trial, [chosen[name] for name in names if name in chosen]))
                        show(results[-1])
            unsound += bench.unsound
    finally:
        # What was measured until somebody ended it is worth keeping too.
        if results:
            conclude(results)
            print(f"\n{time.monotonic() - started:.0f} s; load average now {os.getloadavg()[0]:.1f}. Instructions per request: make bench-instructions")
            write(options, measured)
    wrong = broken_bars(results) if options.asserts else []
    for line in wrong:
        print(f"over the bar: {line}", file=sys.stderr)
    return 1 if wrong or unsound else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)
