#!/usr/bin/env python3
"""Checks the fake of each version against every recorded row: all must agree.

With MEMCACHED_DIR=<folder> and real servers at <folder>/<version>/memcached, the recording is checked against
those, too.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

from dialects import FakeMemcached
from recording import CLOSED, LAST, masked, rows
from session import Session
from versions import VERSIONS

LAST_LINE = re.compile(rb"VERSION [0-9.]+\r\n$")


def fake_answers(version, all_rows):
    """What the fake answers to each row, on a connection of its own."""
    server = FakeMemcached(version)
    for row in all_rows:
        session = Session(server)
        answer = session.feed(row.request + LAST)
        yield row, answer + (CLOSED if session.is_closed else b"")
    server.listener.close()


def real_answers(binary, all_rows):
    """What a real server answers to each row, on a connection of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        child = subprocess.Popen([binary, "-u", "root", "-s", path, "-m", "64", "-t", "1"], stdin=subprocess.DEVNULL)
        try:
            wait_for(path)
            for row in all_rows:
                yield row, asked(path, row.request + LAST)
        finally:
            child.kill()
            child.wait()


def wait_for(path):
    deadline = time.monotonic() + 10
    while not os.path.exists(path) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)


def asked(path, data):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(path)
        one.sendall(data)
        answer = b""
        while True:
            # A version's line is the last that is owed; ERROR may be.
            one.settimeout(0.001 if LAST_LINE.search(answer) else 0.05 if answer.endswith(b"ERROR\r\n") else 0.5)
            try:
                more = one.recv(65536)
            except TimeoutError:
                return answer
            except ConnectionResetError:
                more = b""
            if not more:
                return answer + CLOSED
            answer += more


def check(title, answers, version, most):
    """Compares, prints what differs, and gives the counts of what agrees and what does not."""
    passed = failed = 0
    for row, answer in answers:
        wanted = masked(row.answers[version])
        if masked(answer) == wanted:
            passed += 1
            continue
        failed += 1
        if failed <= most:
            print(f"{title} row {row.number} ({row.kind}): {row.request[:300]!r}")
            print(f"    recorded {wanted[:500]!r}")
            print(f"    answered {masked(answer)[:500]!r}")
    print(f"{title}: {passed} passed, {failed} failed", flush=True)
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", choices=list(VERSIONS), action="append", help="only these")
    parser.add_argument("--show", type=int, default=5, help="differences to print of each")
    options = parser.parse_args()
    all_rows = list(rows())
    folder = os.environ.get("MEMCACHED_DIR")
    passed = failed = 0
    for version in options.version or VERSIONS:
        checks = [(version, fake_answers(version, all_rows))]
        binary = folder and os.path.join(folder, version, "memcached")
        if binary and os.path.exists(binary):
            checks.append((f"{version}, real", real_answers(binary, all_rows)))
        for title, answers in checks:
            more = check(title, answers, version, options.show)
            passed, failed = passed + more[0], failed + more[1]
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
