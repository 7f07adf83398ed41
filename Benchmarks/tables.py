#!/usr/bin/env python3
"""Tables of what bench.py and scaling.py have measured, as Markdown.

    tables.py [RESULT.json...]    rewrites what stands between the markers in docs/PERFORMANCE.md

Without a file it takes the newest of both from Benchmarks/results/. Of several results of bench.py, the later file's
trials replace the earlier's.
"""

import datetime
import json
import os
import pathlib
import re
import shlex
import sys

import verdicts
from rig import HERE
from workloads import ALL, FLOOR, PEERS

ORDER = (FLOOR, *PEERS, "ringroad", "ringroad-md5")
COLUMNS = {FLOOR: "the floor", "ringroad-md5": "ringroad, MD5 ring", "ringroad-t2": "2 threads", "ringroad-t4": "4 threads"}
DOCUMENT = HERE.parent / "docs" / "PERFORMANCE.md"
PROGRAMS = {"bench": "make bench", "scaling": "make bench-scaling"}


# ---- What a run was ----------------------------------------------------------------------------------------

def head(options, subjects):
    """The machine, the moment, the command and the versions of what is measured."""
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    kernel = re.match(r"[\d.]*", os.uname().release).group()
    return {"when": datetime.datetime.now().astimezone().isoformat(timespec="seconds"), "command": command(),
            "machine": {"cpu": cpu, "cpus": os.cpu_count(), "kernel": kernel, "load_average": os.getloadavg()[0]},
            "versions": {subject.name: subject.version() for subject in subjects}, "options": vars(options)}


def command():
    """As a person would give it: where the binary and the results lie is left out."""
    program, words = pathlib.Path(sys.argv[0]), re.sub(r"(^| )(--ringroad|--output|-o)[ =]\S+", "", shlex.join(sys.argv[1:])).strip()
    return f"{PROGRAMS[program.stem]} BENCH_OPTIONS={shlex.quote(words)}" if words else PROGRAMS[program.stem]


def provenance(runs):
    first, machine = runs[0], runs[0]["machine"]
    names = {"nutcracker": "twemproxy", "mcproxy": "memcached's proxy"}
    versions = [f"{names.get(name, name)} {version}" for name, version in first["versions"].items() if version and "-" not in name]
    return (f"Measured on {first['when'][:10]}, {machine['cpus']} CPUs ({machine['cpu']}), Linux {machine['kernel']}, load average "
            f"{machine['load_average']:.1f} at the start, by " + " and ".join(f"`{run['command']}`" for run in runs) + f": {', '.join(versions)}.")


# ---- Tables ------------------------------------------------------------------------------------------------

def plain(header, rows):
    widths = [max(len(str(row[i])) for row in (header, *rows)) for i in range(len(header))]
    return "\n".join("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip() for row in (header, *rows))


def markdown(header, rows):
    """The first column to the left, figures to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def figure(value):
    """With some three digits."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def by_subject(results, show):
    """A row for each trial and a column for each subject, of those that are not all empty."""
    found = {row["subject"] for result in results for row in result["rows"]}
    names = sorted(found, key=lambda name: (name not in ORDER, ORDER.index(name) if name in ORDER else name))
    rows = []
    for result in results:
        own = {row["subject"]: "void" if row["failures"] else show(row) for row in result["rows"]}
        rows.append([result["workload"] + (", real servers" if result["servers"] == "real" else ""), *(own.get(name, "-") for name in names)])
    return markdown(["", *(COLUMNS.get(name, name) for name in names)], rows)


def results(measured, runs=()):
    """All of a run of bench.py."""
    found = measured["results"]

    def of(kind):
        return [result for result in found if kind(result, ALL[result["workload"]])]

    parts = [provenance(runs or [measured])]
    lines = [verdict.cells() for verdict in verdicts.verdicts(found)]
    if lines:
        parts += ["", markdown(verdicts.HEADER, lines)]
    tables = {
        "CPU per request, µs:": (
            of(lambda _, workload: not (workload.is_idle or workload.rate or workload.is_spread)), lambda row: figure(row["cpu_us"])),
        "Requests a second over real servers, in thousands, and how much of a CPU that took:": (
            of(lambda result, workload: result["servers"] == "real" and not workload.rate),
            lambda row: f"{figure(row['rps'] / 1000)} ({row['busy'] * 100:.0f} %)"),
        "CPU per request, µs, with 1, 2 and 4 threads:": (of(lambda _, workload: workload.is_spread), lambda row: figure(row["cpu_us"])),
        "Latency in the open loop, µs, p50 / p99 / p99.9:": (
            of(lambda _, workload: workload.rate), lambda row: " / ".join(f"{row[name]:,.0f}" for name in ("p50_us", "p99_us", "p999_us"))),
        "Bytes for each idle client:": (
            of(lambda _, workload: workload.is_idle and not workload.is_burst), lambda row: f"{row['bytes_per_connection']:,.0f}"),
        "RSS in MB before the burst / at the most / some seconds after / at the end:": (
            of(lambda _, workload: workload.is_burst),
            lambda row: " / ".join(f"{row[name] / 1024:.1f}" for name in ("rss_before_kb", "rss_peak_kb", "rss_soon_kb", "rss_kb"))),
        "RSS in MB after other workloads:": (
            of(lambda result, workload: result["servers"] == "fake" and not workload.is_idle and not workload.is_spread),
            lambda row: f"{row['rss_kb'] / 1024:.1f}")}
    for title, (rows, show) in tables.items():
        if rows:
            parts += ["", title, "", by_subject(rows, show)]
    return "\n".join(parts)


def scaling(points):
    """The points of one axis."""
    is_keys = points[0]["axis"] == "keys"
    others = list(points[0]["others_cpu_us"])
    header = [points[0]["title"], "CPU µs a request", *(["a key"] if is_keys else []), *(f"{name}'s CPU µs" for name in others),
              "requests/s", "p50 µs", "p99 µs", "RSS MB"]
    return markdown(header, [[f"{int(point['at']):,}", figure(point["cpu_us"]), *([f"{point['cpu_us'] / int(point['at']):.3f}"] if is_keys else []),
                              *(figure(point["others_cpu_us"][name]) for name in others), f"{point['rps']:,.0f}",
                              f"{point['p50_us']:,.0f}", f"{point['p99_us']:,.0f}", f"{point['rss_kb'] / 1024:.1f}"] for point in points])


def scalings(measured):
    """Axis to its table."""
    axes = dict.fromkeys(point["axis"] for point in measured["scaling"])
    return {axis: scaling([point for point in measured["scaling"] if point["axis"] == axis]) for axis in axes}


def report(measured):
    """All of a run of scaling.py."""
    return "\n\n".join([provenance([measured]), *scalings(measured).values()])


# ---- The document ------------------------------------------------------------------------------------------

def newest():
    """The newest result of each program."""
    found = sorted((HERE / "results").glob("*.json"), key=lambda path: path.stat().st_mtime)
    kinds = {path.name.startswith("scaling"): path for path in found}
    return list(kinds.values())


def merged(runs):
    trials = {(result["servers"], result["workload"]): result for run in runs for result in run["results"]}
    order = list(ALL)
    return {"results": sorted(trials.values(), key=lambda result: (result["servers"], order.index(result["workload"])))}


def filled(text, name, table):
    """`text` with `table` between the markers of `name`."""
    marked = re.compile(rf"(<!-- {re.escape(name)}(?:: [^>]*)? -->).*?(<!-- end -->)", re.S)
    if not marked.search(text):
        print(f"no marker for {name}", file=sys.stderr)
    return marked.sub(lambda match: f"{match[1]}\n\n{table}\n\n{match[2]}", text)


def main(paths):
    runs = [json.loads(pathlib.Path(path).read_text()) for path in paths or newest()]
    text = DOCUMENT.read_text()
    measured = [run for run in runs if "results" in run]
    if measured:
        text = filled(text, "results", results(merged(measured), measured))
    for run in runs:
        if "scaling" in run:
            text = filled(text, "scaling", provenance([run]))
            for axis, table in scalings(run).items():
                text = filled(text, f"scaling of {axis}", table)
    DOCUMENT.write_text(text)
    return 0 if runs else "tables: no results yet: make bench bench-scaling"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, ValueError) as error:
        sys.exit(f"tables: {error}")
