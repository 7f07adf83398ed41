#!/usr/bin/env python3
"""Plays seeded sequences to the fake of a version and to a real server of it, and compares the answers.

Needs MEMCACHED_DIR=<folder> with real servers at <folder>/<version>/memcached. The fakes are made after what real
ones do; this finds what the recorded rows do not show.
"""

import argparse
import os
import re
import subprocess
import sys
import time

import fleet
from compare import differs
from departures_of_rows import excuse
from dialects import LOOPBACK, FakeMemcached
from grammar import Grammar
from recording import masked
from sequenceplay import FIRST_CAS, model_answer, through, where
from servers import free_port
from versions import VERSIONS

# Requests to which 1.5.22 ends.
DEADLY = re.compile(rb"md +\S+ +\S*k")


class Alone:
    """A fake without a network, as `model_answer` takes it."""

    def __init__(self, version):
        self.server = FakeMemcached(version)
        self.server.listener.close()
        self.server.items.last_cas = FIRST_CAS


def start(binary):
    port = free_port()
    command = [binary, "-u", "root", "-l", LOOPBACK, "-p", str(port), "-U", "0", "-t", "1"]
    # A sequence may make it talkative.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            fleet.connect(port).close()
            return child, port
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{binary} does not answer")


def compare(version, binary, seeds, show):
    child, port = start(binary)
    played = failed = 0
    try:
        for seed in seeds:
            sequence = Grammar(seed).sequence().but(mode="whole")
            if version == "1.5.22" and DEADLY.search(sequence.stream):
                continue
            fleet.ask_all(port, b"flush_all\r\n")
            real = masked(through(port, sequence))
            fake = masked(model_answer(Alone(version), sequence))
            played += 1
            if differs(real, fake) is None or excuse(sequence, real, fake):
                continue
            failed += 1
            if failed <= show:
                told = where(real, fake)
                print(f"{version} seed {seed}: {[request[:90] for request in sequence.requests][:6]}")
                print(f"    real {told[0]!r}\n    fake {told[1]!r}", flush=True)
    finally:
        child.kill()
        child.wait()
    print(f"{version}: {played - failed} passed, {failed} failed", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", choices=list(VERSIONS), action="append", help="only these")
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--show", type=int, default=5, help="differences to print of each")
    options = parser.parse_args()
    folder = os.environ.get("MEMCACHED_DIR")
    if not folder:
        parser.error("MEMCACHED_DIR names no folder")
    seeds = range(options.seed, options.seed + options.seeds)
    failed = 0
    for version in options.version or VERSIONS:
        binary = os.path.join(folder, version, "memcached")
        if os.path.exists(binary):
            failed += compare(version, binary, seeds, options.show)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
