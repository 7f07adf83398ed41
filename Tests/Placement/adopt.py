"""Real memcacheds, filled by real clients: `ringroad adopt` must name the placement of each cluster.

    adopt.py [--binary FILE] [--clusters N] [--mixtures N] [--seed N] [--short]

One line for each cluster; exit 1 if a placement was not found.
"""

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "Differential"))

from fillers import fillers  # noqa: E402
from servers import LOOPBACK, default_binary, free_port, memcached  # noqa: E402

# Placements of two clients that are one.
SAME = {"php-default": "pylibmc-default", "php-consistent": "pylibmc-ketama", "php-ketama": "pylibmc-ketama-weighted"}
failures = []
seconds = []


def expect(name, holds, what=""):
    if not holds:
        failures.append(name)
        print(f"FAILED {name}: {what!s:.1500}", flush=True)


def ask(port, line, end=b"END"):
    """The lines of one server's reply."""
    with socket.create_connection((LOOPBACK, port), 10) as one:
        one.sendall(line + b"\r\n")
        lines = []
        for reply in one.makefile("rb"):
            if reply.strip() == end:
                return lines
            lines.append(reply.strip())
    return lines


class Cluster:
    """Memcacheds, and what is asked about them."""

    def __init__(self, count, options=()):
        self.servers = [memcached(options) for _ in range(count)]
        self.addresses = [f"{LOOPBACK}:{server.port}" for server in self.servers]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.end()

    def requests(self):
        """Which requests the servers have counted that fetch or change an item."""
        kinds = (b"cmd_get", b"cmd_set", b"cmd_touch", b"cmd_flush", b"cmd_meta", b"delete_hits", b"total_items", b"curr_items")
        return [[line for line in ask(server.port, b"stats") if line.split()[1] in kinds] for server in self.servers]


def adopt(binary, *arguments, timeout=120):
    """The exit code, the object and what was written to standard error."""
    start = time.monotonic()
    run = subprocess.run([binary, "adopt", "--json", *arguments], capture_output=True, text=True, timeout=timeout)
    seconds.append(time.monotonic() - start)
    return run.returncode, json.loads(run.stdout) if run.stdout else None, run.stderr


def found(fit):
    return [fit["summary"], *fit["equals"]]


def without_order(names):
    return [name.split(" (servers")[0] for name in names]


def check_configuration(name, binary, path, keys, rng):
    """Each key must be on the server that the written configuration says."""
    some = rng.sample(keys, min(40, len(keys)))
    lines = "".join(key + "\n" for key in some)
    run = subprocess.run([binary, "route", "--config", path], input=lines, capture_output=True, text=True, timeout=60)
    expect(name, run.returncode == 0, run.stderr)
    for line in run.stdout.splitlines():
        key, server = line.split("\t")
        replies = ask(int(server.split(":")[1]), b"get " + key.encode())
        expect(name, replies[:1] and replies[0].startswith(b"VALUE "), f"a key is not on {server}")


def one_cluster(number, binary, filler, rng, folder):
    count, keys = rng.randint(2, 8), filler.keys(rng.randrange(10**6), rng.randint(300, 1200))
    names = [f"cache-{rng.randrange(10**6)}-{i}" for i in range(count)] if filler.names else []
    title = f"cluster {number}: {filler.name}, {count} servers, {len(keys)} keys"
    with Cluster(count) as cluster:
        filler.fill(cluster.addresses, keys, names)
        path = os.path.join(folder, f"{number}.yml")
        listed = list(range(count))
        rng.shuffle(listed)
        if names:
            given = os.path.join(folder, f"{number}-given.yml")
            with open(given, "w") as file:
                items = [f"{{address: {cluster.addresses[i]}, name: {names[i]}}}" for i in listed]
                file.write("servers: [" + ", ".join(items) + "]\n")
            arguments = ["-f", given]
        else:
            arguments = [cluster.addresses[i] for i in listed]
        before = cluster.requests()
        code, result, errors = adopt(binary, "-o", path, *arguments)
        expect(title, cluster.requests() == before, "items were fetched or changed")
        expect(title, code == 0 and errors == "", f"exit {code}: {errors}")
        best = result["candidates"][0]
        expect(title, result["keys"] == len(keys) == best["explained"], f"{best['explained']} of {result['keys']}")
        expect(title, filler.expected in without_order(found(best)), found(best))
        expect(title, not any(key in json.dumps(result) for key in keys[:50]), "a key was printed")
        if os.path.exists(path):
            check_configuration(title, binary, path, keys, rng)
    print(f"{title}: {best['summary']}, {len(best['equals'])} the same", flush=True)


def one_mixture(number, binary, pair, rng):
    first, second = pair
    count = rng.randint(3, 7)
    parts = (first.keys(0, 1200), second.keys(10**6, 800))
    title = f"mixture {number}: 60% {first.name}, 40% {second.name}, {count} servers"
    with Cluster(count) as cluster:
        for filler, keys in zip(pair, parts):
            filler.fill(cluster.addresses, keys, [])
        code, result, _ = adopt(binary, *cluster.addresses)
    mixture = result["mixture"]
    expect(title, code == 3 and mixture is not None, f"exit {code}, {result['candidates'][:2]}")
    if mixture:
        expect(title, first.expected in without_order(found(result["candidates"][0])), found(result["candidates"][0]))
        expect(title, second.expected in without_order(found(mixture["second"])), found(mixture["second"]))
        shares = mixture["first_share"], mixture["second_share"]
        expect(title, abs(shares[0] - 0.6) < 0.05 and abs(shares[1] - 0.4) < 0.05, shares)
        print(f"{title}: {shares[0]:.0%} {result['candidates'][0]['summary']}, {shares[1]:.0%} {mixture['second']['summary']}", flush=True)


class Impostor:
    """Something that is no memcached: it accepts, sends what it is given, again and again if it is told so, and waits."""

    def __init__(self, text=b"", endless=False):
        self.text, self.endless = text, endless
        self.listener = socket.create_server((LOOPBACK, 0))
        self.address = f"{LOOPBACK}:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            one, _ = self.listener.accept()
            while self.text:
                one.sendall(self.text)
                if not self.endless:
                    break
            one.recv(1 << 16)
            one.recv(1 << 16)
            one.close()
        except OSError:
            pass


def remark(result, server):
    return next(one["remark"] for one in result["servers"] if one["server"] == server) or ""


def odd_servers(binary, filler, folder, is_short):
    """Servers that dump in another way, or not at all."""
    with Cluster(2) as plain, Cluster(1, ("-o", "no_lru_crawler")) as old, Cluster(1, ("-X",)) as shut:
        addresses = plain.addresses + old.addresses + shut.addresses
        filler.fill(addresses, filler.keys(0, 2000), [])
        code, result, _ = adopt(binary, *addresses)
        expect("fallback", "stats cachedump" in remark(result, old.addresses[0]), result["servers"])
        expect("dumps are off", remark(result, shut.addresses[0]).startswith("not read: CLIENT_ERROR"), result["servers"])
        # All keys are explained, but one server was not read.
        expect("fallback", code == 3 and filler.expected in found(result["candidates"][0]), result["candidates"][:1])
        code, result, _ = adopt(binary, "-n", "100", *addresses)
        expect("sample of 100", [one["keys"] for one in result["servers"]] == [100, 100, 100, 0], result["servers"])
        # Two dumps at once: one of them is told that the server is busy, and waits.
        runs = [subprocess.Popen([binary, "adopt", *addresses], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
        expect("four at once", all(run.communicate(timeout=120) and run.returncode == 3 for run in runs))
        taken = os.path.join(folder, "taken.yml")
        open(taken, "w").close()
        code, _, errors = adopt(binary, "-o", taken, *addresses)
        expect("a file that exists", code == 2 and "exists" in errors and os.path.getsize(taken) == 0, errors)
        gone = f"{LOOPBACK}:{free_port()}"
        impostors = [Impostor(), Impostor(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Impostor(b"key=%zz " * 100_000)]
        if not is_short:
            impostors.append(Impostor(b"key=\r\nITEM \r\nx" * 1000, endless=True))
        code, result, _ = adopt(binary, *plain.addresses, gone, *(one.address for one in impostors))
        expect("impostors", code in (1, 3), code)
        for address in [gone, *(one.address for one in impostors)]:
            expect("impostors", remark(result, address).startswith("not read: "), (address, remark(result, address)))
    with Cluster(1) as empty:
        code, result, _ = adopt(binary, *empty.addresses)
        expect("empty", code == 1 and remark(result, empty.addresses[0]) == "it is empty", result)
        run = subprocess.run([binary, "adopt", *empty.addresses], capture_output=True, text=True, timeout=60)
        expect("empty", run.returncode == 1 and run.stdout == "" and "no keys could be read" in run.stderr, run)
        expect("no progress in a pipe", "\r" not in run.stderr and "\x1b" not in run.stderr, run.stderr)
        filler.fill(empty.addresses, filler.keys(0, 20), [])
        run = subprocess.run([binary, "adopt", *empty.addresses], capture_output=True, text=True, timeout=60)
        expect("one server", run.returncode == 0 and "servers:" in run.stdout, run)
    print("odd servers: seen", flush=True)


def stale_keys(binary, filler, rng):
    """A tenth of the keys is on any server."""
    with Cluster(4) as cluster:
        filler.fill(cluster.addresses, filler.keys(0, 1800), [])
        for i in range(200):
            with socket.create_connection((LOOPBACK, rng.choice(cluster.servers).port), 10) as one:
                one.sendall(b"set stale:%d 0 0 1\r\nx\r\n" % i)
                one.recv(100)
        code, result, _ = adopt(binary, *cluster.addresses)
    best = result["candidates"][0]
    expect("stale keys", code == 3 and result["mixture"] is None and best["share"] > 0.9, best)
    expect("stale keys", filler.expected in found(best), found(best))
    print(f"stale keys: {best['share']:.0%} {best['summary']}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=default_binary())
    parser.add_argument("--clusters", type=int, default=100)
    parser.add_argument("--mixtures", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="without the server that sends for half a minute")
    options = parser.parse_args()
    if not os.access(options.binary, os.X_OK):
        parser.error(f"there is no {options.binary} yet: make build")

    rng = random.Random(options.seed)
    known = fillers()
    # Each client once before one comes twice.
    order = [one for _ in range(options.clusters // len(known) + 1) for one in rng.sample(known, len(known))]
    with tempfile.TemporaryDirectory(prefix="ringroad-adopt-") as folder:
        for number, filler in enumerate(order[: options.clusters]):
            one_cluster(number, options.binary, filler, rng, folder)
        plain = [one for one in known if not one.names and one.form.count("%d") == 1]
        for number in range(options.mixtures):
            first = rng.choice(plain)
            others = [one for one in plain if SAME.get(one.expected, one.expected) != SAME.get(first.expected, first.expected)]
            one_mixture(number, options.binary, (first, rng.choice(others)), rng)
        ketama = next(one for one in known if one.expected == "pylibmc-ketama")
        stale_keys(options.binary, ketama, rng)
        odd_servers(options.binary, ketama, folder, options.short)
    print(f"{options.clusters} clusters, {options.mixtures} mixtures; adopt took {min(seconds):.1f} to {max(seconds):.1f} s")
    if failures:
        print(f"{len(set(failures))} failed")
        sys.exit(1)


if __name__ == "__main__":
    main()
