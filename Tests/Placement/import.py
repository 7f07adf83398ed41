"""Compares where twemproxy sends keys with where `ringroad route` has them after `ringroad import`.

    python3 Tests/Placement/import.py --binary .build/release/ringroad [--short] [--seed N]

Starts scripted memcacheds on loopback addresses, which record each key and answer that they have none, and one
nutcracker with a pool for each key hash and distribution, and for weights, names, hash tags, sockets and ports. Every
pool gets thousands of keys. Then each pool is imported as a file of its own, and its keys are placed.
"""

import argparse
import asyncio
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

NUTCRACKER = shutil.which("nutcracker") or "/usr/sbin/nutcracker"
HASHES = [
    "one_at_a_time", "md5", "crc16", "crc32", "crc32a", "fnv1_64", "fnv1a_64", "fnv1_32", "fnv1a_32", "hsieh", "murmur",
    "jenkins",
]
# Hashes that ringroad has and twemproxy may not have: both must say the same of each.
OTHERS = ["murmur3", "xxh3", "java", "auto"]
PER_GET = 50


class Failure(Exception):
    """The comparison cannot be made."""


class Servers:
    """Scripted memcacheds; `seen` has for each key the servers that it has reached."""

    def __init__(self, folder):
        self.folder = folder
        self.seen = {}
        self.open = []

    async def tcp(self, host, port=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        port = sock.getsockname()[1]
        name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.open.append(await asyncio.start_server(self.session(name), sock=sock))
        return f"{host}:{port}", name

    async def unix(self, name):
        path = os.path.join(self.folder, name)
        self.open.append(await asyncio.start_unix_server(self.session(f"unix:{path}"), path))
        return path, f"unix:{path}"

    def session(self, name):
        async def answer(reader, writer):
            try:
                while line := await reader.readuntil(b"\r\n"):
                    words = line[:-2].split(b" ")
                    if words[0] != b"get":
                        writer.write(b"ERROR\r\n")
                        continue
                    for key in words[1:]:
                        if key:
                            self.seen.setdefault(key, []).append(name)
                    writer.write(b"END\r\n")
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                pass
            finally:
                writer.close()
        return answer


class Pool:
    def __init__(self, name, servers, lines, label):
        self.name = name
        self.servers = servers
        self.lines = lines
        self.label = label
        self.port = 0

    def text(self):
        lines = [f"listen: 127.0.0.1:{self.port}", "timeout: 5000", *self.lines, "servers:"]
        lines += [f" - {server}" for server in self.servers]
        return f"{self.name}:\n" + "".join(f"  {line}\n" for line in lines)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def keys(count, seed):
    """Short and long keys, of text, digits and any bytes above the space, with and without the characters of tags."""
    draw = random.Random(seed)
    text = [bytes([c]) for c in b"abcdefghijklmnopqrstuvwxyzABCDEF0123456789:._-/"]
    odd = [bytes([c]) for c in itertools.chain(range(33, 127), range(128, 256))]
    found = {}
    for number in itertools.count():
        if len(found) == count:
            return list(found)
        kind = number % 8
        length = draw.choice([1, 2, 3, 4, 5, 7, 8, 11, 12, 13, 16, 24, 40, 100, 249, 250])
        some = lambda letters, most: b"".join(draw.choices(letters, k=draw.randint(0, most)))
        if kind < 3:
            key = b"".join(draw.choices(text, k=length))
        elif kind == 3:
            key = b"".join(draw.choices(odd, k=length))
        elif kind == 4:
            key = b"user:%d:profile" % draw.randrange(10 ** 9)
        elif kind == 5:
            key = b"%d" % number
        elif kind == 6:
            key = some(text, 9) + b"{" + some(text, 9) + b"}" + some(text + [b"{", b"}"], 9)
        else:
            key = some(text, 9) + draw.choice([b"$", b"$$", b"}{", b"{", b"$a"]) + some(text, 9) + b"$" + some(text, 3)
        found[key] = True


async def sets_of_servers(servers):
    """Lists of servers as twemproxy writes them, by what is special about them."""
    plain = [(await servers.tcp("127.0.0.1"))[0] for _ in range(7)]
    usual = []
    while len(usual) < 3:
        try:
            usual.append((await servers.tcp(f"127.{random.randint(2, 250)}.0.{random.randint(2, 250)}", 11211))[0])
        except OSError:
            pass
    sockets = [(await servers.unix(f"s{number}"))[0] for number in range(3)]
    weights = [1, 2, 3, 7, 1, 10, 5]
    found = {
        "equal": [f"{address}:1" for address in plain],
        "weights": [f"{address}:{weight}" for address, weight in zip(plain, weights)],
        "names": [f"{address}:1 cache-{'dbagcfe'[i]}" for i, address in enumerate(plain)],
        "weights, names": [f"{a}:{w} {'m' * (7 - i)}" for i, (a, w) in enumerate(zip(plain, weights))],
        "some names": [f"{plain[0]}:2", f"{plain[1]}:1 b", f"{plain[2]}:3", f"{plain[3]}:1 aa"],
        "port 11211": [f"{address}:{1 + i}" for i, address in enumerate(usual)] + [f"{plain[0]}:1"],
        "unix sockets": [f"{sockets[0]}:1", f"{sockets[1]}:2 s", f"{sockets[2]}:1", f"{plain[1]}:1"],
        "one server": [f"{plain[4]}:3"],
        "padded port": [f"127.0.0.1:0{plain[0].split(':')[1]}:1", f"{plain[1]}:1", f"{plain[2]}:1"],
    }
    try:
        six = [(await servers.tcp("::1"))[0] for _ in range(3)]
        found["IPv6"] = [f"{address}:{1 + i}" for i, address in enumerate(six)]
    except OSError:
        print("no IPv6 here: pools with it are left out")
    return found


def pools_for(sets, is_short):
    pools = []

    def add(servers, *lines):
        label = f"{', '.join(line.replace(': ', ' ') for line in lines) or 'defaults'} ({servers})"
        pools.append(Pool(f"pool{len(pools)}", sets[servers], lines, label))

    kinds = list(sets)[:5]
    for number, hash_name in enumerate(HASHES):
        for offset, distribution in enumerate(["ketama", "modula"]):
            kind = kinds[(number + offset) % len(kinds)]
            add(kind, f"hash: {hash_name}", f"distribution: {distribution}")
    if is_short:
        pools = [pools[i] for i in (1, 6, 12, 23)]
    add("weights, names", 'hash_tag: "{}"')
    add("unix sockets", "distribution: modula", 'hash_tag: "$$"', "hash: crc32")
    if not is_short:
        add("equal")
        for kind in list(sets)[5:]:
            add(kind, "distribution: ketama", "hash: murmur")
            add(kind, "distribution: modula", "auto_eject_hosts: true", "server_failure_limit: 3")
    return pools


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def run(words, **options):
    return subprocess.run(words, capture_output=True, timeout=60, **options)


async def aside(function, *arguments, **options):
    """Runs it in a thread, so that the servers still answer."""
    return await asyncio.get_running_loop().run_in_executor(None, lambda: function(*arguments, **options))


async def start(path, pools, folder):
    log = os.path.join(folder, "nutcracker.log")
    process_file = os.path.join(folder, "pid")
    process = subprocess.Popen(
        [NUTCRACKER, "-c", path, "-o", log, "-p", process_file, "-a", "127.0.0.1", "-s", str(free_port())])
    for pool in pools:
        deadline = time.monotonic() + 10
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", pool.port)
                writer.close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    with open(log) as file:
                        raise Failure(f"nutcracker does not listen for {pool.name}:\n{file.read()}")
                await asyncio.sleep(0.02)
    return process


async def send(pool, asked):
    """Gets all keys from a pool of twemproxy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pool.port)
    for start_at in range(0, len(asked), PER_GET):
        writer.write(b"get " + b" ".join(asked[start_at:start_at + PER_GET]) + b"\r\n")
        line = await asyncio.wait_for(reader.readline(), 10)
        if line != b"END\r\n":
            raise Failure(f"{pool.label}: twemproxy answered {line!r}")
    writer.close()


async def differences(pool, asked, servers, binary, folder):
    """Compares one pool; returns the number of keys that are elsewhere, and the number of servers that had one."""
    servers.seen.clear()
    await send(pool, asked)
    source = write(folder, f"{pool.name}.yml", pool.text())
    imported = await aside(run, [binary, "import", source])
    if imported.returncode != 0:
        complaints = imported.stderr.decode()
        raise Failure(f"{pool.label}: import ended with {imported.returncode}:\n{complaints}{pool.text()}")
    target = write(folder, f"{pool.name}.ringroad.yml", imported.stdout.decode())
    checked = await aside(run, [binary, "check", target])
    if checked.returncode != 0:
        raise Failure(f"{pool.label}: check ended with {checked.returncode}:\n{checked.stderr.decode()}")
    routed = await aside(run, [binary, "route", "--json", "-f", target], input=b"\n".join(asked) + b"\n")
    lines = routed.stdout.splitlines()
    if routed.returncode != 0 or len(lines) != len(asked):
        raise Failure(f"{pool.label}: route ended with {routed.returncode}:\n{routed.stderr.decode()}")
    wrong = 0
    used = set()
    for key, line in zip(asked, lines):
        # The address in the form of the scripted servers, whatever the file says.
        address = line.rsplit(b'"server":"', 1)[1].split(b'"', 1)[0].decode().replace("127.0.0.1:0", "127.0.0.1:")
        reached = servers.seen.get(key, [])
        used.update(reached)
        if reached != [address]:
            wrong += 1
            if wrong <= 3:
                print(f"  {key!r}: twemproxy {reached}, ringroad {address}", file=sys.stderr)
    return wrong, len(used)


async def check_hashes(binary, folder):
    """Both must accept the same names of hashes."""
    wrong = 0
    for name in HASHES + OTHERS:
        lines = [f"listen: 127.0.0.1:{free_port()}", f"hash: {name}", "servers:", " - 127.0.0.1:1:1"]
        path = write(folder, "hash.yml", "a:\n" + "".join(f"  {line}\n" for line in lines))
        theirs = (await aside(run, [NUTCRACKER, "-t", "-c", path])).returncode == 0
        ours = (await aside(run, [binary, "import", path])).returncode == 0
        if theirs != ours or theirs != (name in HASHES):
            wrong += 1
            print(f"hash {name}: taken by twemproxy: {theirs}, by import: {ours}")
    return wrong


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=".build/release/ringroad")
    parser.add_argument("--short", action="store_true", help="six pools, a thousand keys for each")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    random.seed(options.seed)
    asked = keys(1_000 if options.short else 10_000, options.seed)
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        if not options.short:
            failures += await check_hashes(options.binary, folder)
        servers = Servers(folder)
        pools = pools_for(await sets_of_servers(servers), options.short)
        for pool in pools:
            pool.port = free_port()
        process = await start(write(folder, "nutcracker.yml", "".join(pool.text() for pool in pools)), pools, folder)
        try:
            for pool in pools:
                wrong, used = await differences(pool, asked, servers, options.binary, folder)
                failures += wrong
                print(f"{wrong:5} of {len(asked)} keys elsewhere, {used} of {len(pool.servers)} servers: {pool.label}")
                # On twemproxy's ring the 15 bits of its crc32 are all in front of the first point.
                if used < len(pool.servers) and "hash crc32, distribution ketama" not in pool.label:
                    raise Failure("a server without a key: the comparison proves too little")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            for server in servers.open:
                server.close()
            # The ends of their sessions.
            await asyncio.sleep(0.1)
    print(
        f"{len(pools)} pools, {len(pools) * len(asked)} keys: {failures} differences, "
        f"{time.monotonic() - began:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except Failure as failure:
        sys.exit(str(failure))
