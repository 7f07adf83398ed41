"""Real clients beside each other: each runs against one memcached, then against ringroad in front of three.

    clients.py [--short] [--only NAME]... [--verbose] [--canary] [BINARY]

What fails with memcached too is the client's own matter; exit 1 when ringroad fails what memcached passes.
"""

import argparse
import os
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "Differential"))

from roster import CLIENTS  # noqa: E402
from relay import Relay  # noqa: E402
from servers import LOOPBACK, Process, default_binary, free_port, memcached  # noqa: E402


class Ringroad(Process):
    """ringroad with its defaults, but for deadlines that a busy machine does not reach."""

    def __init__(self, binary, servers):
        port = free_port()
        with tempfile.NamedTemporaryFile("w", prefix="ringroad-clients-", suffix=".yml") as file:
            file.write("servers: [" + ", ".join(f"{LOOPBACK}:{server.port}" for server in servers) + "]\n")
            file.write("connect_timeout: 5s\nrequest_timeout: 10s\n")
            file.flush()
            # It answers once it has read the file.
            super().__init__([binary, "--config", file.name, "--admin", "off", "-l", f"{LOOPBACK}:{port}", "-t", "2"], port)


# A port is free until somebody else takes it: one at a time.
starting = Lock()
# Checks of our own, which nothing passes by name.
ENDS = ("to its end", "ringroad lives")


class Canary(Relay):
    """What must be found out: one memcached, a byte of whose answers is changed now and then."""

    is_alive = True

    def __init__(self, _, servers):
        super().__init__(servers[0].port)


def with_memcached(client):
    with starting:
        server = memcached()
    try:
        return client.run(server.port)
    finally:
        server.end()


def with_ringroad(client, binary, kind):
    servers = []
    try:
        with starting:
            for _ in range(3):
                servers.append(memcached())
            servers.append(kind(binary, servers))
        outcome = client.run(servers[-1].port)
        if not servers[-1].is_alive:
            outcome.failed["ringroad lives"] = f"it ended with {servers[-1].child.returncode}"
        return outcome
    finally:
        for server in reversed(servers):
            server.end()


def played(chosen, binary, kind):
    """Each client with both outcomes, in order. Most of the time is waiting, so several run at once."""
    with ThreadPoolExecutor(max_workers=5) as pool:
        runs = []
        for client in chosen:
            absence = client.absence()
            first = None if absence else pool.submit(with_memcached, client)
            second = None if absence else pool.submit(with_ringroad, client, binary, kind)
            runs.append((client, absence, first, second))
        yield from runs


def worse(memcached_said, ringroad_said):
    """What memcached passes and ringroad does not, with the reason."""
    lost = {name: ringroad_said.failed.get(name, "not reached") for name in memcached_said.passed - ringroad_said.passed}
    for name in ENDS:
        if name in ringroad_said.failed and name not in memcached_said.failed:
            lost[name] = ringroad_said.failed[name]
    return lost


def judged(client, lost):
    """What counts, and how many are excused; an excuse that nothing needs any more counts, too."""
    excused = {name: reason for name in lost for pattern, reason in client.departures if re.search(pattern, name)}
    counts = {name: why for name, why in lost.items() if name not in excused}
    for pattern, reason in client.departures:
        if not any(re.search(pattern, name) for name in lost):
            counts[f"no longer departs: {pattern}"] = reason
    return counts, excused


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default=default_binary())
    parser.add_argument("--short", action="store_true", help="everyday use only, without the libraries' own tests")
    parser.add_argument("--only", action="append", metavar="NAME", help="only clients whose name has this in it")
    parser.add_argument("--verbose", action="store_true", help="say also what fails with memcached")
    parser.add_argument("--canary", action="store_true", help="damaged answers in ringroad's place; must exit 1")
    options = parser.parse_args()
    if not options.canary and not os.access(options.binary, os.X_OK):
        parser.error(f"there is no {options.binary} yet: make build")

    chosen = [one for one in CLIENTS if one.is_short or not options.short]
    if options.only:
        chosen = [one for one in chosen if any(part.lower() in one.name.lower() for part in options.only)]
    if not chosen:
        parser.error("no client has such a name")

    print(f"{'client':<26}{'on memcached':>20}{'on ringroad':>20}")
    print(f"{'':<26}{'passed':>10}{'failed':>10}{'passed':>10}{'failed':>10}")
    regressions, ran, absent = {}, 0, []
    for client, absence, first, second in played(chosen, options.binary, Canary if options.canary else Ringroad):
        if absence:
            absent.append(client.name)
            print(f"{client.name:<26} not run: {absence}", flush=True)
            continue
        first, second = first.result(), second.result()
        ran += 1
        counts = [len(part) for part in (first.passed, first.failed, second.passed, second.failed)]
        print(f"{client.name:<26}" + "".join(f"{count:>10}" for count in counts), flush=True)
        if options.verbose:
            for name, why in first.failed.items():
                print(f"    memcached: {name}: {why[:200]}")
        if not first.passed:
            regressions[f"{client.name}: nothing passes, not even with memcached"] = str(first.failed)[:300]
        counting, excused = judged(client, worse(first, second))
        for reason in sorted(set(excused.values())):
            print(f"    {sum(reason == one for one in excused.values())} as documented: {reason}")
        for name, why in counting.items():
            regressions[f"{client.name}: {name}"] = why
    for name, why in regressions.items():
        print(f"FAILED {name}: {why[:300]}")
    print(f"{ran} clients run" + (f", not run: {', '.join(absent)}" if absent else ""))
    return 1 if regressions or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
