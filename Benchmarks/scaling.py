#!/usr/bin/env python3
"""How the cost of a request grows: with servers, keys, connections, the size of values, pools and threads.

One proxy over fake servers, one thing varied at a time; beside it nutcracker, where it can do the same. Each point is measured in
every round, and the order turns round every other round; figures are medians. docs/PERFORMANCE.md explains what grows and why.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import statistics
import sys
import time

import subjects
import tables
from rig import HERE, LOADGEN, Rig, Trouble
from trials import REFERENCE
from workloads import Workload


@dataclasses.dataclass(frozen=True)
class Point:
    label: str
    workload: Workload
    servers: int = 4
    pools: int = 1
    threads: int = 1

D16 = Workload("get", depth=16)

# What is varied, by the name that --axes takes: its title, and its points.
AXES = {
    "servers": ("servers, get at depth 16", [Point(str(n), D16, servers=n) for n in (1, 4, 16, 64, 256)]),
    "keys": ("keys of one get, 4 servers", [Point(str(n), Workload("get", keys_per_get=n)) for n in (1, 3, 10, 30, 100, 300, 1000)]),
    "connections": ("connections, depth 1", [Point(str(n), Workload("get", connections=n)) for n in (1, 10, 100, 1000, 10_000)]),
    "bytes": ("bytes of the value, depth 1", [
        Point(str(n), Workload("get", value_bytes=n, keys=max(10, min(10_000, 50_000_000 // max(1, n)))))
        for n in (0, 100, 1000, 10_000, 100_000, 1_000_000)]),
    "pools": ("pools, get at depth 16", [Point(str(n), D16, pools=n) for n in (1, 10, 100)]),
    "threads": ("threads, get at depth 16", [Point(str(n), D16, threads=n) for n in (1, 2, 4)]),
    "threads-d1": ("threads, depth 1", [Point(str(n), Workload("get"), threads=n) for n in (1, 2, 4)]),
}

OURS_ALONE = ("pools", "threads", "threads-d1")  # nutcracker has one thread, and no pools behind one port


def config(point, port, servers):
    """One pool, or many with the keys in the last of them that is looked at."""
    lines = [f"listen: 127.0.0.1:{port}", f"threads: {point.threads}", "limits: {clients: 12000}", "log: {level: warning}"]
    ring = "placement: twemproxy-ketama, hash: fnv1a_64"
    addresses = ", ".join(f"127.0.0.1:{server}" for server in servers)
    if point.pools == 1:
        return "\n".join([*lines, f"servers: [{addresses}]", *ring.split(", ")]) + "\n"
    pools = [f"  p{i}: {{servers: [{addresses}], {ring}}}" for i in range(point.pools)]
    prefixes = [f"bench:{'x' * (i + 1)}" for i in range(point.pools - 1)] + ["bench:"]
    routes = [f'  - {{prefix: "{prefix}", pool: p{i}}}' for i, prefix in enumerate(prefixes)]
    return "\n".join([*lines, "pools:", *pools, "routes:", *routes]) + "\n"


def started(rig, subject, point, servers):
    """Gives the process and its port."""
    if subject.kind != "ringroad":
        return subject.start(rig, servers, point.workload)
    path, port = rig.directory / "scaling.yml", rig.ports(1)[0]
    path.write_text(config(point, port, servers))
    process = rig.start("ringroad", [subject.binary, "--config", path], proxy=True)
    rig.wait_for(process, port)
    return process, port


def measure(rig, subject, point, fakes, seconds, seed):
    key = (point.servers, point.workload.value_bytes)
    if key not in fakes:
        fakes[key] = rig.ports(point.servers)
        rig.fakeserver(fakes[key], "--value-bytes", point.workload.value_bytes)
    process, port = started(rig, subject, point, fakes[key])
    deadline = time.monotonic() + 5
    sweep = [*point.workload.options(), "--connections", 4, "--keys-per-get", 1, "--verify",
             "--keys", min(point.workload.keys, 2000), "--patience", 3]
    while not rig.load(port, *sweep)[0]["is_sound"]:
        if time.monotonic() > deadline:
            raise Trouble(f"{subject.name}, {point}: does not get ready: {rig.log_of(process)}")
    report, complaints = rig.load(port, *point.workload.options(), "--watch", process.pid, "--seconds", seconds, "--warmup", 0.3,
                                  "--seed", seed, "--patience", 20)
    rig.stop(process)
    if not report["is_sound"]:
        raise Trouble(f"{subject.name}, {point}: {complaints}")
    return report


def run(axis, chosen, options):
    """Measures one axis with ringroad, the first of `chosen`, and the others; gives its points."""
    title, points = AXES[axis]
    results = []
    # Several threads need the CPUs for themselves and their load.
    with Rig(pinned=not axis.startswith("threads")) as rig:
        turns = [(point, subject) for point in points for subject in chosen
                 if subject is chosen[0] or axis not in OURS_ALONE]
        fakes, reports = {}, {(point, subject.name): [] for point, subject in turns}
        for number in range(options.rounds):
            for point, subject in turns if number % 2 == 0 else reversed(turns):
                reports[point, subject.name].append(measure(rig, subject, point, fakes, options.seconds, number))
    print(f"\n{title:32}{'cpu us':>9}{'requests/s':>12}{'p50 us':>9}{'p99 us':>9}{'RSS MB':>8}  cpu us of others")
    for point in points:
        row = {figure: statistics.median(report[figure] for report in reports[point, chosen[0].name])
               for figure in ("cpu_us", "rps", "p50_us", "p99_us", "rss_kb", "busy")}
        row["others_cpu_us"] = {subject.name: statistics.median(report["cpu_us"] for report in reports[point, subject.name])
                                for at, subject in turns if at is point and subject is not chosen[0]}
        results.append({"axis": axis, "title": title, "at": point.label, **row})
        others = "".join(f"  {name} {cpu_us:.2f}" for name, cpu_us in row["others_cpu_us"].items())
        print(f"{point.label:>32}{row['cpu_us']:>9.2f}{row['rps']:>12.0f}{row['p50_us']:>9.0f}{row['p99_us']:>9.0f}"
              f"{row['rss_kb'] / 1024:>8.1f}{others}", flush=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ringroad", default=str(HERE.parent / ".build/release/ringroad"), metavar="PATH")
    parser.add_argument("--axes", help="some of " + ",".join(AXES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.8)
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write the JSON, and Markdown beside it; default Benchmarks/results/")
    options = parser.parse_args()
    chosen = options.axes.split(",") if options.axes else list(AXES)
    if not set(chosen) <= set(AXES):
        raise Trouble(f"--axes takes some of {','.join(AXES)}")
    if not LOADGEN.exists():
        raise Trouble(f"first: make -C {HERE}")
    found = [subjects.find(name, options.ringroad, {}) for name in ("ringroad", REFERENCE)]
    if not found[0]:
        raise Trouble(f"no program {options.ringroad}")
    found = list(filter(None, found))
    print(f"{os.cpu_count()} CPUs, load average {os.getloadavg()[0]:.1f}; {options.rounds} rounds of {options.seconds:g} s")
    started, measured = time.monotonic(), tables.head(options, found)
    measured["scaling"] = [point for axis in chosen for point in run(axis, found, options)]
    path = pathlib.Path(options.output) if options.output else HERE / "results" / f"scaling-{datetime.datetime.now():%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(measured, indent=1) + "\n")
    path.with_suffix(".md").write_text(tables.report(measured) + "\n")
    print(f"\n{time.monotonic() - started:.0f} s. written: {path} and {path.with_suffix('.md').name}")


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        sys.exit(f"scaling: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)
