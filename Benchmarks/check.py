#!/usr/bin/env python3
"""Proves that the benchmarks can fail: sound replies pass and every kind of fault is noticed; a missed bar is called one."""

import sys

import tables
import verdicts
from rig import Rig, Trouble
from subjects import find
from workloads import Workload

SHORT = ["--seconds", 0.3, "--warmup", 0.05, "--patience", 1, "--connections", 8]

SOUND = {
    "get": [],
    "get, depth 16": ["--depth", 16],
    "set": ["--gets", 0],
    "mixed, depth 16": ["--gets", 50, "--depth", 16],
    "get of 24 keys": ["--keys-per-get", 24],
    "get of 1,000 keys": ["--keys-per-get", 1000],
    "a key asked for many times": ["--keys-per-get", 24, "--keys", 5],
    "open loop": ["--rate", 5000],
    "fill": ["--fill"],
    "verify": ["--verify", "--keys-per-get", 24],
    "a number of requests": ["--requests", 1234, "--depth", 4],
    "idle connections": ["--idle", "--connections", 200],
}

# Each fault: what must be asked for it to strike, and which counter must show it.
FAULTS = {
    "byte": (["--keys-per-get", 24], "mismatches"),
    "key": ([], "mismatches"),
    "length": ([], "mismatches"),
    "flag": ([], "mismatches"),
    "swap": (["--keys-per-get", 2], "mismatches"),
    "drop": ([], "misses"),
    "extra": ([], "mismatches"),
    "error": ([], "errors"),
    "silent": ([], "unanswered"),
    "close": ([], "lost"),
    "unstored": (["--gets", 50], "errors"),
}


# CPU per request of ringroad in two rounds, beside peers with 10 and 8 and a floor with 4: what is said of the bar of 0.80.
VERDICTS = {
    "the aim": ([4, 5], 0, ("0.56 of mcproxy", "yes, and the aim")),
    "the bar": ([6, 6.4], 0, ("0.78 of mcproxy", "yes")),
    "neither": ([8, 8.8], 0, ("1.05 of mcproxy", "no")),
    "failures": ([4, 5], 1, ("-", "not measured")),
}


def verdict_of(cpu, failures):
    """The first bar's cells for a made-up result."""
    rounds = {"ringroad": cpu, "nutcracker": [10, 10], "mcproxy": [8, 8], "canned": [4, 4]}
    rows = [{"subject": name, "cpu_us": sum(each) / 2, "rss_kb": 1, "failures": failures if name == "ringroad" else 0} for name, each in rounds.items()]
    result = {"servers": "fake", "workload": "get-d1", "rows": rows,
              "rounds": {name: [{"cpu_us": figure} for figure in each] for name, each in rounds.items()}}
    return verdicts.verdicts([result])[0].cells()


def main():
    wrong = []

    def expect(what, is_right, complaints):
        print(f"{'ok  ' if is_right else 'BAD '} {what}" + ("" if is_right else f": {complaints}"), flush=True)
        if not is_right:
            wrong.append(what)

    for what, (cpu, failures, (ours, met)) in VERDICTS.items():
        cells = verdict_of(cpu, failures)
        expect(f"verdict: {what}", cells[3:5] == (ours, met), cells)
    text = "a\n<!-- x -->\n<!-- end -->\nb\n<!-- x of y -->\nold\n<!-- end -->\n"
    filled = tables.filled(tables.filled(text, "x", "1"), "x of y", "2")
    expect("tables are written between their markers", filled.split() == "a <!-- x --> 1 <!-- end --> b <!-- x of y --> 2 <!-- end -->".split(), filled)

    with Rig(pinned=False) as rig:
        port = rig.ports(1)[0]
        server = rig.fakeserver([port])
        for what, options in SOUND.items():
            report, complaints = rig.load(port, *SHORT, *options)
            expect(f"sound: {what}", report["is_sound"] and report["requests"] > 0, complaints)
        for what, options in {"value of another size": [], "set of another size": ["--gets", 0]}.items():
            report, complaints = rig.load(port, *SHORT, *options, "--value-bytes", 99)
            expect(f"noticed: {what}", not report["is_sound"], complaints)
        rig.stop(server)
        report, complaints = rig.load(port, *SHORT)
        expect("noticed: nobody listens", not report["is_sound"] and report["refused"] == 8, complaints)

        large = rig.ports(1)[0]
        rig.fakeserver([large], "--value-bytes", 512 << 10)
        for what, options in {"get": [], "set": ["--gets", 0]}.items():
            report, complaints = rig.load(large, *SHORT, *options, "--value-bytes", 512 << 10, "--keys", 100)
            expect(f"sound: {what} of 512 KiB", report["is_sound"], complaints)

        canned = rig.ports(1)[0]
        rig.fakeserver([canned], "--canned", 24)
        report, complaints = rig.load(canned, *SHORT, "--keys-per-get", 24, "--keys", 1, "--depth", 16)
        expect("sound: canned replies", report["is_sound"], complaints)
        report, complaints = rig.load(canned, *SHORT, "--keys-per-get", 24, "--keys", 100)
        expect("noticed: canned replies to other keys", not report["is_sound"], complaints)

        for fault, (options, counter) in FAULTS.items():
            port = rig.ports(1)[0]
            rig.fakeserver([port], "--fault", f"{fault}:500")
            report, complaints = rig.load(port, *SHORT, *options)
            expect(f"noticed: {fault}", not report["is_sound"] and report[counter] > 0, f"{report} {complaints}")

        nutcracker = find("nutcracker", "", {})
        for fault, passes in {"none": True, "byte:500": False}.items() if nutcracker else ():
            ports = rig.ports(4)
            rig.fakeserver(ports, *([] if passes else ["--fault", fault]))
            process, port = nutcracker.start(rig, ports, Workload("any"))
            report, complaints = rig.load(port, *SHORT, "--keys-per-get", 24, "--gets", 90)
            expect(f"through nutcracker: {fault}", report["is_sound"] == passes, complaints)
            rig.stop(process)
        started = list(rig.running)
    expect("every process was ended", all(process.returncode is not None for process in started), "still running")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"check: {trouble}")
