"""One trial: its servers and subjects are started, take turns, and give figures."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import time

from rig import Trouble, resident_kb
from workloads import PEERS

SERVERS = 4
REFERENCE = PEERS[0]
SYSCALL_REQUESTS = 20_000
SOON = 5  # seconds after a burst
FIGURES = ("cpu_us", "user_share", "busy", "rps", "p50_us", "p99_us", "p999_us", "rss_kb", "bytes_per_connection", "loadgen_busy")
BURST_FIGURES = ("rss_before_kb", "rss_peak_kb", "rss_soon_kb", "rss_growth")


class Bench:
    """`count_syscalls`: as well. `after`: seconds from a burst to the last look at memory. `warmup`: of each measurement."""

    def __init__(self, rig, count_syscalls=False, after=60, warmup=0.15):
        self.rig, self.count_syscalls, self.after, self.warmup = rig, count_syscalls, max(after, SOON), warmup
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

    def judged(self, subject, workload, report, complaints):
        if not report["is_sound"]:
            self.unsound += 1
            print(f"UNSOUND: {subject.name} {workload.name}: {complaints}", file=sys.stderr)
        return report

    def load(self, subject, workload, port, *options, before=()):
        return self.judged(subject, workload, *self.rig.load(port, *workload.options(subject.kind == "canned"), *options, before=before))

    def make_ready(self, subject, workload, port, servers):
        """Until the proxy has its servers; with real ones, until they have the values."""
        if subject.kind == "canned":
            return
        deadline = time.monotonic() + 5
        sweep = [*workload.options(), "--connections", 4, "--depth", 1, "--keys-per-get", 1, "--patience", 3]
        sweep += ["--fill"] if servers == "real" else ["--verify", "--keys", min(workload.keys, 1000)]
        while True:
            report, complaints = self.rig.load(port, *sweep)
            if report["is_sound"]:
                return
            if time.monotonic() > deadline:
                raise Trouble(f"{subject.name} does not get ready: {complaints}")
            time.sleep(0.1)

    def started(self, subject, trial, ports):
        process, port = subject.start(self.rig, ports, trial.workload)
        self.make_ready(subject, trial.workload, port, trial.servers)
        return process, port

    def measure(self, subject, trial, process, port, seed):
        options = ["--seed", seed, "--watch", process.pid, "--seconds", trial.seconds, "--warmup", self.warmup]
        if trial.workload.is_idle:
            options += ["--idle", "--patience", 30]
        return with_growth(self.load(subject, trial.workload, port, *options), trial.workload)

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

    def run(self, trial, chosen):
        """Measures one workload with all subjects; gives a row for each."""
        chosen = [subject for subject in chosen if subject.does(trial.workload, trial.servers)]
        ports = self.server_ports(trial.servers, trial.workload)
        load_average = os.getloadavg()[0]
        calls = {}
        if trial.workload.is_burst:
            rounds = self.bursts(trial, chosen, ports)
        elif trial.workload.is_idle:
            rounds = self.idle_rounds(trial, chosen, ports)
        else:
            rounds, calls = self.busy_rounds(trial, chosen, ports)
        return {"servers": trial.servers, "workload": trial.workload.name, "what": str(trial.workload), "load_average": load_average,
                "rounds_of": [trial.rounds, trial.seconds], "rows": [summary(name, rounds, calls.get(name)) for name in rounds], "rounds": rounds}

    def busy_rounds(self, trial, chosen, ports):
        """All subjects stay; who has nothing to do uses no CPU."""
        live = [(subject, *self.started(subject, trial, ports)) for subject in chosen]
        rounds, calls = {subject.name: [] for subject in chosen}, {}
        for number in range(trial.rounds):
            for subject, process, port in live if number % 2 == 0 else reversed(live):
                rounds[subject.name].append(self.measure(subject, trial, process, port, number))
        for subject, process, port in live:
            if self.count_syscalls:
                calls[subject.name] = self.syscalls(subject, trial.workload, process, port)
            if trial.servers == "real" and trial.workload.gets < 100:
                self.load(subject, trial.workload, port, "--connections", 4, "--verify")
        self.rig.stop(*(process for _, process, _ in live))
        return rounds, calls

    def idle_rounds(self, trial, chosen, ports):
        """Memory once given to connections is not always given back: each round has a new process."""
        rounds = {subject.name: [] for subject in chosen}
        for number in range(trial.rounds):
            for subject in chosen:
                process, port = self.started(subject, trial, ports)
                rounds[subject.name].append(self.measure(subject, trial, process, port, number))
                self.rig.stop(process)
        return rounds

    def bursts(self, trial, chosen, ports):
        """Memory before, during and after a crowd that asks all at once, stays, and says no more.

        The crowds come one after the other, and the waiting is done for all at once."""
        loads, rounds = [], {}
        for number, subject in enumerate(chosen):
            process, port = self.started(subject, trial, ports)
            options = [*trial.workload.options(subject.kind == "canned"), "--watch", process.pid, "--seconds", self.after, "--idle", "--patience", 30]
            seen = {"rss_before_kb": resident_kb(process.pid)}
            load = self.rig.start_load(port, *options, name=f"loadgen-{number}")
            until, most = time.monotonic() + SOON, 0
            while time.monotonic() < until:
                most = max(most, resident_kb(process.pid))
                time.sleep(0.02)
            seen |= {"rss_peak_kb": most, "rss_soon_kb": resident_kb(process.pid)}
            loads.append((subject, process, load, seen))
        for subject, process, load, seen in loads:
            report = self.judged(subject, trial.workload, *self.rig.end_load(load, patience=self.after + 120))
            report |= seen | {"rss_growth": report["rss_kb"] / seen["rss_before_kb"]}
            rounds[subject.name] = [with_growth(report, trial.workload)]
            self.rig.stop(process)
        return rounds


def with_growth(report, workload):
    return report | {"bytes_per_connection": (report["rss_kb"] - report["rss_start_kb"]) * 1024 / workload.connections}


def summary(name, rounds, syscalls):
    own, reference = rounds[name], rounds.get(REFERENCE)
    row = {"subject": name, "syscalls": syscalls, "failures": sum(report["failures"] for report in own)}
    for figure in (*FIGURES, *(BURST_FIGURES if "rss_growth" in own[0] else ())):
        row[figure] = statistics.median(report[figure] for report in own)
    if reference:
        for figure in ("cpu_us", "rps"):
            ratios = ratios_of(own, reference, figure)
            if ratios:
                row[f"{figure}_ratio"] = statistics.median(ratios)
                row[f"{figure}_ratios"] = [min(ratios), max(ratios)]
    return row


def ratios_of(own, other, figure):
    """Round by round: what slowed the machine in one slowed both."""
    return [mine[figure] / theirs[figure] for mine, theirs in zip(own, other) if theirs[figure]]


def can_trace_with_perf():
    if not shutil.which("perf"):
        return False
    trial = subprocess.run(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "true"], capture_output=True, text=True)
    return trial.returncode == 0 and re.search(r"^\d+,", trial.stderr, re.M) is not None
