#!/usr/bin/env python3
"""Measures ringroad beside other memcached proxies on one machine.

Subjects take turns within every round, and the order turns round every other round, so that what else the
machine does falls on all alike. CPU per request is the steadiest figure: the run time of all of a proxy's
threads over the requests answered meanwhile. docs/PERFORMANCE.md tells how to read the rest.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

import subjects
import workloads
from rig import HERE, LOADGEN, Rig, Trouble

SERVERS = 4
REFERENCE = "nutcracker"
DEFAULT_SUBJECTS = "canned,nutcracker,ringroad,ringroad-md5,mcproxy"
SYSCALL_REQUESTS = 20_000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(workloads.QUICK)} over fake servers, under a minute")
    parser.add_argument("--servers", help="fake, real or fake,real (the default); real: memcached from PATH")
    parser.add_argument("--workloads", help=f"some of {','.join(workloads.ALL)}")
    parser.add_argument("--subjects", default=DEFAULT_SUBJECTS, help=f"default {DEFAULT_SUBJECTS}; those that are not installed are left out")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=KIND:PATH",
                        help="one more subject, such as before=ringroad:/tmp/before/ringroad")
    parser.add_argument("--ringroad", default=str(HERE.parent / ".build/release/ringroad"), metavar="PATH")
    parser.add_argument("--rounds", type=int, help="default 5, quick 3")
    parser.add_argument("--seconds", type=float, help="of each measurement; default 1.5, quick 0.8")
    parser.add_argument("--syscalls", action="store_true", help="count system calls per request too (perf, else strace)")
    parser.add_argument("--no-pin", action="store_true", help="do not give the proxy a CPU of its own")
    parser.add_argument("--assert", action="store_true", dest="asserts",
                        help=f"fail when CPU per request against {REFERENCE} over fake servers exceeds {workloads.BARS}")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write the JSON; default Benchmarks/results/")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.seconds = options.seconds or (0.8 if options.quick else 1.5)
    options.servers = (options.servers or ("fake" if options.quick else "fake,real")).split(",")
    options.workloads = options.workloads.split(",") if options.workloads else list(workloads.QUICK if options.quick else workloads.ALL)
    return options


def chosen_subjects(options):
    others = dict(subjects.parse_other(text) for text in options.also)
    found = []
    for name in [*filter(None, options.subjects.split(",")), *others]:
        subject = subjects.find(name, options.ringroad, others)
        if subject:
            found.append(subject)
        else:
            print(f"left out: {name} (not installed; see --ringroad, $NUTCRACKER, $MCPROXY)", file=sys.stderr)
    if not any(subject.kind != "canned" for subject in found):
        raise Trouble("no proxy to measure")
    return found


class Bench:
    def __init__(self, options, rig):
        self.options, self.rig = options, rig
        self.real_ports = None
        self.fakes = {}  # value size to the ports of its servers
        self.unsound = 0

    def server_ports(self, kind, workload):
        if kind == "real":
            if not self.real_ports:
                self.real_ports = self.rig.ports(SERVERS)
                self.rig.memcacheds(self.real_ports)
            return self.real_ports
        if workload.value_bytes not in self.fakes:
            ports = self.fakes[workload.value_bytes] = self.rig.ports(SERVERS)
            self.rig.fakeserver(ports, "--value-bytes", workload.value_bytes)
        return self.fakes[workload.value_bytes]

    def load(self, subject, workload, port, *options, before=()):
        report, complaints = self.rig.load(port, *workload.options(subject.kind == "canned"), *options, before=before)
        if not report["is_sound"]:
            self.unsound += 1
            print(f"UNSOUND: {subject.name} {workload.name}: {complaints}", file=sys.stderr)
        return report

    def make_ready(self, subject, workload, port, servers):
        """Until the proxy has its servers; with real ones, until they have the values."""
        if subject.kind == "canned":
            return
        deadline = time.monotonic() + 5
        sweep = [*workload.options(), "--connections", 4, "--depth", 1, "--keys-per-get", 1]
        while True:
            report, complaints = self.rig.load(port, *sweep, "--fill" if servers == "real" else "--verify", "--patience", 3)
            if report["is_sound"]:
                return
            if time.monotonic() > deadline:
                raise Trouble(f"{subject.name} does not get ready: {complaints}")
            time.sleep(0.1)

    def measure(self, subject, workload, process, port, seed):
        options = ["--seed", seed, "--watch", process.pid, "--seconds", self.options.seconds, "--warmup", 0.15 if self.options.quick else 0.3]
        if workload.is_idle:
            options += ["--idle", "--patience", 30]
        report = self.load(subject, workload, port, *options)
        report["bytes_per_connection"] = (report["rss_kb"] - report["rss_start_kb"]) * 1024 / workload.connections
        return report

    def syscalls(self, subject, workload, process, port):
        """System calls per request, or None where neither perf nor strace can count them."""
        requests = max(100, SYSCALL_REQUESTS // workload.keys_per_get if workload.value_bytes < 10_000 else 1000)
        options = ["--requests", requests]
        if workload.is_idle or workload.rate:
            return None
        counts = self.rig.directory / "syscalls"
        try:
            if can_trace_with_perf():
                perf = ["perf", "stat", "-x,", "-o", counts, "-e", "raw_syscalls:sys_enter", "-p", process.pid]
                self.load(subject, workload, port, *options, before=perf)
                return float(re.search(r"^(\d+),", counts.read_text(), re.M).group(1)) / requests
            if shutil.which("strace"):
                tracer = self.rig.start("strace", ["strace", "-c", "-f", "-U", "calls,name", "-o", counts, "-p", process.pid])
                time.sleep(0.3)
                self.load(subject, workload, port, *options)
                self.rig.stop(tracer)
                return float(re.search(r"^\s*(\d+)\s+total", counts.read_text(), re.M).group(1)) / requests
        except (Trouble, AttributeError, OSError) as trouble:
            print(f"system calls of {subject.name} not counted: {trouble}", file=sys.stderr)
        return None

    def run(self, servers, workload, chosen):
        """Measures one workload with all subjects; gives a row for each."""
        ports = self.server_ports(servers, workload)
        live = []
        for subject in chosen:
            if not subject.does(workload, servers):
                continue
            process, port = subject.start(self.rig, ports, workload)
            self.make_ready(subject, workload, port, servers)
            live.append((subject, process, port))
        load_average = os.getloadavg()[0]
        rounds = {subject.name: [] for subject, _, _ in live}
        for number in range(self.options.rounds):
            for subject, process, port in live if number % 2 == 0 else reversed(live):
                if workload.is_idle and number:  # memory once given to connections is not always given back
                    self.rig.stop(process)
                    process, port = subject.start(self.rig, ports, workload)
                    self.make_ready(subject, workload, port, servers)
                rounds[subject.name].append(self.measure(subject, workload, process, port, number))
                if workload.is_idle:
                    self.rig.stop(process)
        calls = {}
        for subject, process, port in live if not workload.is_idle else ():
            if self.options.syscalls:
                calls[subject.name] = self.syscalls(subject, workload, process, port)
            if servers == "real" and workload.gets < 100:
                self.load(subject, workload, port, "--connections", 4, "--verify")
        self.rig.stop(*(process for _, process, _ in live))
        return {"servers": servers, "workload": workload.name, "what": str(workload), "load_average": load_average,
                "rows": [summary(name, rounds, calls.get(name)) for name in rounds], "rounds": rounds}


def summary(name, rounds, syscalls):
    own, reference = rounds[name], rounds.get(REFERENCE)
    row = {"subject": name, "syscalls": syscalls, "failures": sum(report["failures"] for report in own)}
    for figure in ("cpu_us", "user_share", "busy", "rps", "p50_us", "p99_us", "p999_us", "rss_kb", "bytes_per_connection", "loadgen_busy"):
        row[figure] = statistics.median(report[figure] for report in own)
    if reference:
        # Round by round: what slowed the machine in one slowed both.
        for figure in ("cpu_us", "rps"):
            ratios = [mine[figure] / theirs[figure] for mine, theirs in zip(own, reference) if theirs[figure]]
            if ratios:
                row[f"{figure}_ratio"] = statistics.median(ratios)
                row[f"{figure}_ratios"] = [min(ratios), max(ratios)]
    return row


def can_trace_with_perf():
    if not shutil.which("perf"):
        return False
    trial = subprocess.run(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "true"], capture_output=True, text=True)
    return trial.returncode == 0 and re.search(r"^\d+,", trial.stderr, re.M) is not None


def show(result, options):
    print(f"\n{result['workload']} over {result['servers']} servers: {result['what']}; "
          f"{options.rounds} rounds of {options.seconds:g} s; load average {result['load_average']:.1f}")
    idle = workloads.ALL[result["workload"]].is_idle
    print(f"{'':14}{'cpu us':>8}{'user':>7}{'system':>7}{'  cpu against ' + REFERENCE:26}{'busy':>6}{'requests/s':>11}{'x':>6}"
          f"{'p50 us':>8}{'p99 us':>8}{'calls':>7}{'RSS MB':>8}" + ("  B/connection" if idle else ""))
    for row in result["rows"]:
        ratio = against = ""
        if "cpu_us_ratio" in row:
            low, high = row["cpu_us_ratios"]
            against = f"{row['cpu_us_ratio']:>6.2f}  ({low:.2f} ... {high:.2f})"
            ratio = f"{row['rps_ratio']:.2f}"
        calls = f"{row['syscalls']:.2f}" if row["syscalls"] is not None else "-"
        user = row["cpu_us"] * row["user_share"]
        print(f"{row['subject']:14}{row['cpu_us']:>8.2f}{user:>7.2f}{row['cpu_us'] - user:>7.2f}  {against:24}{row['busy'] * 100:>5.0f}%"
              f"{row['rps']:>11.0f}{ratio:>6}{row['p50_us']:>8.0f}{row['p99_us']:>8.0f}{calls:>7}{row['rss_kb'] / 1024:>8.1f}"
              + (f"{row['bytes_per_connection']:>14.0f}" if idle else "")
              + (f"   {row['failures']} FAILURES: void" if row["failures"] else ""), flush=True)


def broken_bars(results):
    """What --assert finds wrong, one line each."""
    wrong = []
    for workload, bar in workloads.BARS.items():
        rows = [row for result in results if (result["servers"], result["workload"]) == ("fake", workload)
                for row in result["rows"] if row["subject"] == "ringroad"]
        if not rows or "cpu_us_ratio" not in rows[0]:
            wrong.append(f"{workload}: ringroad was not measured against {REFERENCE} over fake servers")
        elif rows[0]["cpu_us_ratio"] > bar:
            wrong.append(f"{workload}: {rows[0]['cpu_us_ratio']:.2f} of {REFERENCE}'s CPU per request; the bar is {bar:.2f}")
    return wrong


def write(path, options, results):
    path.parent.mkdir(parents=True, exist_ok=True)
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    path.write_text(json.dumps({
        "when": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "machine": {"cpu": cpu, "cpus": os.cpu_count(), "kernel": os.uname().release},
        "options": vars(options), "results": results}, indent=1) + "\n")
    print(f"\nwritten: {path}")


def main():
    options = arguments()
    unknown = [name for name in options.workloads if name not in workloads.ALL]
    if unknown or not set(options.servers) <= {"fake", "real"}:
        raise Trouble(f"unknown workload or servers: {', '.join(unknown or options.servers)}")
    if not LOADGEN.exists():
        raise Trouble(f"first: make -C {HERE}")
    chosen = chosen_subjects(options)
    print(f"{os.cpu_count()} CPUs, load average {' '.join(f'{x:.1f}' for x in os.getloadavg())}. With other work on the machine "
          "compare CPU per request, and only within one table; requests/s and latencies mean little.")
    results = []
    started = time.monotonic()
    with Rig(pinned=not options.no_pin) as rig:
        bench = Bench(options, rig)
        for servers in options.servers:
            for name in options.workloads:
                results.append(bench.run(servers, workloads.ALL[name], chosen))
                show(results[-1], options)
    print(f"\n{time.monotonic() - started:.0f} s; load average now {os.getloadavg()[0]:.1f}")
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    write(pathlib.Path(options.output) if options.output else HERE / "results" / f"{stamp}.json", options, results)
    wrong = broken_bars(results) if options.asserts else []
    for line in wrong:
        print(f"over the bar: {line}", file=sys.stderr)
    return 1 if wrong or bench.unsound else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)
