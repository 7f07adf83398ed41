#!/usr/bin/env python3
"""Proves that the load generator can fail: sound replies pass, and every kind of fault is noticed."""

import sys

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


def main():
    wrong = []

    def expect(what, is_right, complaints):
        print(f"{'ok  ' if is_right else 'BAD '} {what}" + ("" if is_right else f": {complaints}"), flush=True)
        if not is_right:
            wrong.append(what)

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
