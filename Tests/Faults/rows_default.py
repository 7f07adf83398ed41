"""Rows about what the default settings promise: F40-F47."""

import random
import socket
import threading
import time

from bars import eventually
from client import NOT_DONE, READS
from load import OK
from rig import LOOPBACK, STRICT, Memcached, Proxy
from rows_memory import Wire, value_of
from table import row

@row("F40", "one get of 256 values of 1 MB, from three servers behind networks of 60 MB a second")
def large_multi_get(play):
    multi_get(play, 256, 1_000_000, 60e6)


@row("F40c", "four clients at once, each with a get of 64 values of 1 MB of its own")
def large_multi_gets(play):
    multi_get(play, 64, 1_000_000, 60e6, clients=4)


@row("F40w", "the first of these, while others write, too: what they wait behind has to be read to its end")
def large_multi_get_and_writers(play):
    multi_get(play, 256, 1_000_000, 60e6, most=2.1, load={"clients": 6, "scale": 60})


@row("F40s", "one get of 60 values of 100 kB, behind networks of 3 MB a second")
def slow_multi_get(play):
    multi_get(play, 60, 100_000, 3e6)


def multi_get(play, count, size, rate, clients=1, most=1.2, load=False):
    """The values are stored past the proxy, which knows nothing of their size. Another client reads small ones."""
    options = {i: ("-m", "1024", "-I", "16m") for i in range(3)}
    rig, _ = play.start({}, relayed=True, server_options=options, count=3, load=load)
    keys = [[f"large:{c}:{i}" for i in range(count)] for c in range(clients)]
    seeds = {key.encode(): i for i, key in enumerate(key for own in keys for key in own)}
    for key, owner in rig.proxy.route([key for own in keys for key in own]).items():
        with socket.create_connection((LOOPBACK, rig.servers[owner].port), 10) as one:
            one.sendall(b"set %s 0 0 %d\r\n%s\r\n" % (key.encode(), size, value_of(size, seeds[key.encode()])))
            if one.recv(100) != b"STORED\r\n":
                raise RuntimeError("not stored")
    rig.relay.set(range(3), rate=rate)
    before = sum(c["sent_bytes"] for c in rig.relay.counts())
    since = time.monotonic()
    right, ended, took = [0] * clients, [False] * clients, [0.0] * clients
    waits = []

    def ask(number):
        try:
            with Wire(rig.proxy) as one:
                one.send(b"get " + " ".join(keys[number]).encode() + b"\r\n")
                while (line := one.line()).startswith(b"VALUE "):
                    _, key, _, length = line.split()
                    is_right = one.take(int(length)) == value_of(size, seeds[key]) and one.take(2) == b"\r\n"
                    right[number] += is_right
                ended[number] = line == b"END"
        except (OSError, EOFError) as error:
            play.remarks.append(repr(error))
        took[number] = time.monotonic() - since

    def ask_for_small():
        with Wire(rig.proxy) as one:
            while not all(took):
                begin = time.monotonic()
                one.send(b"get small:%d\r\n" % (len(waits) % 100))
                one.line()
                waits.append(time.monotonic() - begin)
                time.sleep(0.002)

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(clients)]
    threads.append(threading.Thread(target=ask_for_small, daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    until = time.monotonic()
    sent = sum(c["sent_bytes"] for c in rig.relay.counts()) - before
    lost, missed = play.gained("server_connections_lost"), play.gained("reads_as_misses")
    play.remarks += [rig.proxy.log[-1500:], str(rig.relay.counts()), str(rig.proxy.numbers())]
    rig.relay.set(range(3))
    play.bar("values right", right, "==", [count] * clients)
    play.bar("ended with END", ended, "==", [True] * clients)
    play.time_bar("took", max(took), "<=", 60_000)
    play.bar("sent by servers, times", round(sent / (count * size * clients), 3), "<=", most)
    play.bar("reads as misses", missed, "==", 0)
    play.bar("connections lost", lost, "==", 0)
    play.bar("others asked", len(waits), ">=", 100)
    play.time_bar("others p99", sorted(waits)[int(0.99 * len(waits))] if waits else None, "<=", 150)
    if load:
        play.stop(verify=False)
        play.judge((), since, until, p99=150)


@row("F41", "refused writes under fail_fast: locks, counters and values are as before", short=True)
def lock_is_held(play):
    held(play, "fail_fast")


@row("F41e", "writes that the stand-in answers NOT_FOUND or NOT_STORED: the same", short=True)
def lock_is_held_by_default(play):
    held(play, "eject")


# The request for a key, and what it is told while the key's server is out. A stand-in does not have the key.
REFUSED = [
    (lambda k, u: b"touch %s 0\r\n" % k, b"NOT_FOUND\r\n"),
    (lambda k, u: b"incr %s 1\r\n" % k, b"NOT_FOUND\r\n"),
    (lambda k, u: b"replace %s 0 0 1\r\nB\r\n" % k, b"NOT_STORED\r\n"),
    (lambda k, u: b"append %s 0 0 1\r\nB\r\n" % k, b"NOT_STORED\r\n"),
    (lambda k, u: b"cas %s 0 0 1 %d\r\nB\r\n" % (k, u + 1000), b"NOT_FOUND\r\n"),
    (lambda k, u: b"ma %s\r\n" % k, b"NF\r\n"),
    (lambda k, u: b"ms %s 1 MR\r\nB\r\n" % k, b"NS\r\n"),
    (lambda k, u: b"gat 0 %s\r\n" % k, b"END\r\n"),
    (lambda k, u: b"mg %s T1 v\r\n" % k, b"EN\r\n"),
]
REMOVED = [
    (lambda k, u: b"delete %s\r\n" % k, b"NOT_FOUND\r\n"),
    (lambda k, u: b"md %s\r\n" % k, b"NF\r\n"),
]
# A stand-in does these.
STORED = [
    (lambda k, u: b"add %s 0 60 1\r\nB\r\n" % k, b"NOT_STORED\r\n"),
    (lambda k, u: b"set %s 0 0 1\r\nB\r\n" % k, b"NOT_STORED\r\n"),
    (lambda k, u: b"ms %s 1\r\nB\r\n" % k, b"NS\r\n"),
]


def held(play, on_failure):
    rig, _ = play.start({"on_failure": on_failure, "probe_interval": "300ms"}, load=False)
    deeds = REFUSED + (STORED if on_failure == "fail_fast" else [])
    names = [name for name, owner in rig.proxy.route([f"lock:{i}" for i in range(200)]).items() if owner == 0]
    lock, *keys = [name.encode() for name in names[: 1 + len(deeds) + len(REMOVED)]]
    taken = rig.proxy.ask(b"add %s 0 60 1\r\n5\r\n" % lock)
    for key in keys:
        rig.proxy.ask(b"set %s 0 0 1\r\n5\r\n" % key)
    uniques = [int(rig.proxy.ask(b"gets %s\r\n" % key, b"END\r\n").split()[4]) for key in keys]
    rig.servers[0].stop()
    for _ in range(4):
        rig.proxy.ask(b"get %s\r\n" % lock, b"END\r\n")
    out = eventually(3, lambda: rig.proxy.standings()[0] != "up")
    if on_failure == "fail_fast":
        deeds = [(lambda k, u: b"add %s 0 60 1\r\nB\r\n" % lock, b"NOT_STORED\r\n"), *deeds]
        keys, uniques = [lock, *keys], [0, *uniques]
    deeds += REMOVED
    told = [rig.proxy.ask(deed(key, unique)) for (deed, _), key, unique in zip(deeds, keys, uniques)]
    rig.servers[0].go_on()
    play.until_all_are_up()
    after = [rig.proxy.ask(b"get %s\r\n" % key, b"END\r\n").split(b"\r\n")[1] for key in keys]
    again = rig.proxy.ask(b"add %s 0 60 1\r\nB\r\n" % lock)
    play.bar("lock taken", taken, "==", b"STORED\r\n")
    play.bar("found out", out is not None, "==", True)
    wrong = [(key, said, answer) for key, said, (_, answer) in zip(keys, told, deeds) if said != answer]
    # What was to be deleted is deleted; nothing else has changed.
    changed = [(key, value) for key, value in zip(keys[: -len(REMOVED)], after) if value != b"5"]
    left = [(key, value) for key, value in zip(keys[-len(REMOVED) :], after[-len(REMOVED) :]) if value]
    play.bar("writes", len(told), ">=", len(REFUSED))
    play.bar("told otherwise", wrong, "==", [])
    play.bar("changed", changed, "==", [])
    play.bar("not deleted", left, "==", [])
    play.bar("lock asked for again", again, "==", b"NOT_STORED\r\n")


@row("F42", "a server at its connection limit: two workers of four have a connection")
def full(play):
    servers = [Memcached(options=["-c", "40"]), Memcached()]
    proxy = None
    held = []
    try:
        while len(held) < 100:
            one = socket.create_connection((LOOPBACK, servers[0].port), 2)
            one.sendall(b"mn\r\n")
            held.append(one)
            if not one.recv(100).startswith(b"MN"):
                break
        held.pop().close()
        for one in held[:2]:
            one.close()
        held = held[2:]
        time.sleep(0.2)
        proxy = Proxy(play.options.binary, [server.port for server in servers], {}, threads=4)
        names = [f"full:{i}" for i in range(40)]
        owners = proxy.route(names)
        until = time.monotonic() + 8 * play.scale
        counts = {"full": [0, 0], "other": [0, 0]}
        lock = threading.Lock()

        def work(number):
            with Wire(proxy) as one:
                i = number
                while time.monotonic() < until:
                    i += 1
                    key = names[i % len(names)]
                    one.send(b"set %s 0 0 1\r\nx\r\n" % key.encode())
                    stored = one.line() == b"STORED"
                    with lock:
                        counts["other" if owners[key] else "full"][not stored] += 1
                    time.sleep(0.01)

        threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(20)]
        for thread in threads:
            thread.start()
        standings = set()
        while any(thread.is_alive() for thread in threads):
            standings.add(proxy.standings()[0])
            time.sleep(0.1)
        numbers = proxy.numbers()
        log = proxy.log
    finally:
        if proxy:
            play.log = proxy.log
            proxy.end()
        for one in held:
            one.close()
        for server in servers:
            server.end()
    play.remarks += [str(counts), log[-1500:]]
    play.bar("connections held", len(held), ">=", 10)
    play.bar("server", standings, "==", {"up"})
    play.bar("integrity failures", numbers["integrity_failures"], "==", 0)
    play.bar("lines that say full", log.count("server full"), "==", 1)
    play.bar("lines that say down", log.count("server down") + log.count("server ejected"), "==", 0)
    play.bar("its writes stored", counts["full"][0], ">=", 100)
    play.bar("others' writes not stored", counts["other"][1], "==", 0)


@row("F43", "servers that refuse flush_all, and a client's flush_all while one is out", short=True)
def refuses_flush(play):
    cannot_be_flushed(play, {}, b"flush_all\r\n")


@row("F43f", "servers that refuse flush_all, with rejoin: flush, and a write while one is out", short=True)
def refuses_flush_at_return(play):
    cannot_be_flushed(play, {"rejoin": "flush"}, None)


def cannot_be_flushed(play, settings, request):
    rig, _ = play.start(settings, load=False, server_options={i: ["-F"] for i in range(4)})
    mine = next(n for n, owner in rig.proxy.route([f"key:{i}" for i in range(60)]).items() if owner == 0).encode()
    rig.proxy.ask(b"set %s 0 0 3\r\nold\r\n" % mine)
    rig.servers[0].stop()
    for _ in range(4):
        rig.proxy.ask(b"get %s\r\n" % mine, b"END\r\n")
    out = eventually(3, lambda: rig.proxy.standings()[0] != "up")
    stored = rig.proxy.ask(b"set %s 0 0 3\r\nnew\r\n" % mine)
    if request:
        rig.proxy.ask(request)
    rig.servers[0].go_on()
    back = play.until_all_are_up(20)
    seen = rig.proxy.ask(b"get %s\r\n" % mine, b"END\r\n")
    play.pause(1)
    play.bar("found out", out is not None, "==", True)
    play.bar("stored meanwhile", stored, "==", b"STORED\r\n")
    play.time_bar("back after", back, "<=", 5000)
    play.bar("old value seen", b"old" in seen, "==", False)
    play.bar("lines that say so", rig.proxy.log.count("server refuses flush_all"), "==", 1)


@row("F44", "a server that was down for six seconds, and refused, is used again")
def back_from_refusal(play):
    rig, _ = play.start({"probe_interval": "1s"}, load=False)
    mine = next(n for n, owner in rig.proxy.route([f"key:{i}" for i in range(60)]).items() if owner == 0).encode()
    rig.servers[0].kill()
    rig.proxy.ask(b"get %s\r\n" % mine, b"END\r\n")
    play.pause(6)
    rig.servers[0].start()
    back = play.until_all_are_up(20)
    stored = rig.proxy.ask(b"set %s 0 0 1\r\nx\r\n" % mine)
    with socket.create_connection((LOOPBACK, rig.servers[0].port), 2) as one:
        one.sendall(b"get %s\r\n" % mine)
        is_there = one.recv(100).startswith(b"VALUE")
    play.time_bar("used again after", back, "<=", 1500)
    play.bar("stored", stored, "==", b"STORED\r\n")
    play.bar("on it", is_there, "==", True)


@row("F45", "writes that are told that they were not done, and other clients that read: by default")
def never_seen(play):
    judged_by_others(play, {"probe_max": "1s"})


@row("F45f", "the same under fail_fast")
def never_seen_under_fail_fast(play):
    judged_by_others(play, {"probe_max": "1s", "on_failure": "fail_fast"})


class Writer(threading.Thread):
    """Changes keys of its own, with a version that rises, and notes what it is told: (when, version, what)."""

    def __init__(self, proxy, keys, seed, until):
        super().__init__(daemon=True)
        self.proxy, self.keys, self.until = proxy, keys, until
        self.dice = random.Random(seed)
        self.told = {key: [] for key in keys}
        self.odd = []

    def run(self):
        version = 0
        with Wire(self.proxy) as one:
            while time.monotonic() < self.until:
                version += 1
                key = self.dice.choice(self.keys)
                kind = self.dice.random()
                if kind < 0.6:
                    one.send(b"set %s 0 0 %d\r\n%d\r\n" % (key, len(str(version)), version))
                elif kind < 0.8:
                    one.send(b"ms %s %d\r\n%d\r\n" % (key, len(str(version)), version))
                else:
                    one.send(b"delete %s\r\n" % key)
                line = one.line()
                what = {b"STORED": "stored", b"HD": "stored", b"NOT_STORED": NOT_DONE, b"NS": NOT_DONE,
                        b"DELETED": "deleted", b"NOT_FOUND": "deleted"}.get(line)  # fmt: skip
                if what is None:
                    self.odd.append(line)
                was_there = next((w == "stored" for _, _, w in reversed(self.told[key]) if w != NOT_DONE), False)
                if line == b"NOT_FOUND" and was_there:
                    what = "deleted, and told NOT_FOUND"
                self.told[key].append((time.monotonic(), version, what))
                time.sleep(0.004)


class Reader(threading.Thread):
    """Reads others' keys, and notes (begin, key, version)."""

    def __init__(self, proxy, keys, seed, until):
        super().__init__(daemon=True)
        self.proxy, self.keys, self.until = proxy, keys, until
        self.dice = random.Random(seed)
        self.seen = []

    def run(self):
        with Wire(self.proxy) as one:
            while time.monotonic() < self.until:
                key = self.dice.choice(self.keys)
                begin = time.monotonic()
                one.send(b"get %s\r\n" % key)
                value = one.value()
                if value is not None:
                    self.seen.append((begin, key, int(value)))
                    one.end()
                time.sleep(0.002)


# Workers hear of a server's state one after the other.
GRACE = 0.1


def judged_by_others(play, settings):
    """A server is stopped for less than the deadline, about it, and until it is out."""
    rig, _ = play.start(settings, load=False, server_options={0: ["-t", "4"]})
    names = [name for name, owner in rig.proxy.route([f"seen:{i}" for i in range(200)]).items() if owner == 0][:24]
    keys = [name.encode() for name in names]
    dice = random.Random(play.options.seed)
    until = time.monotonic() + 16 * play.scale
    writers = [Writer(rig.proxy, keys[i::4], i, until) for i in range(4)]
    readers = [Reader(rig.proxy, keys, i, until + 1) for i in range(4)]
    for thread in writers + readers:
        thread.start()
    while time.monotonic() < until - 1:
        rig.servers[0].stop()
        play.pause(dice.choice([0.3, 0.52, 0.6, 0.7, 1.2, 2.2]))
        rig.servers[0].go_on()
        if dice.random() < 0.5:
            play.until_all_are_up()
        play.pause(dice.uniform(0.05, 0.6))
    for thread in writers + readers:
        thread.join(30)
    told = {key: writer.told[key] for writer in writers for key in writer.keys}
    refused = stale = 0
    for reader in readers:
        for begin, key, version in reader.seen:
            before = [(v, what) for when, v, what in told[key] if when + GRACE < begin]
            if (version, NOT_DONE) in before:
                refused += 1
                play.remarks.append(f"{key} {version} was not done, and is seen")
            elif any(v > version and what not in (NOT_DONE, None) for v, what in before):
                stale += 1
                play.remarks.append(f"{key} {version} is old: {[one for one in before if one[0] > version][:3]}")
    words = [what for list in told.values() for _, _, what in list]
    odd = [line for writer in writers for line in writer.odd]
    play.remarks.append(str(odd[:5]))
    play.bar("writes told that they were not done", words.count(NOT_DONE), ">=", 10)
    play.bar("deletes told NOT_FOUND of what was there", words.count("deleted, and told NOT_FOUND"), ">=", 1)
    play.bar("values read", sum(len(reader.seen) for reader in readers), ">=", 500)
    play.bar("seen though not done", refused, "==", 0)
    play.bar("old values seen", stale, "==", 0)
    # Where the proxy has given up a connection to a server that is up, nothing can be promised for what it sent there.
    lines = sum(line.startswith(b"SERVER_ERROR ringroad: ") for line in odd)
    play.bar("told an error line", round(100 * lines / len(words), 2), "<=", 1, " % of writes")
    play.bar("other answers", len(odd) - lines, "==", 0)


@row("F46", "one of three servers is dead, then hangs for six seconds: by default")
def one_of_three(play):
    rig, _ = play.start({}, count=3)
    play.wait(0.6)
    since = time.monotonic()
    rig.servers[0].kill()
    play.pause(3)
    rig.servers[0].start()
    play.until_all_are_up(20)
    play.pause(0.5)
    rig.servers[0].stop()
    play.pause(6)
    rig.servers[0].go_on()
    play.until_all_are_up(20)
    play.pause(0.5)
    play.stop()
    others = play.result.of(but=(0,), since=since, until=play.stopped)
    right = sum(e[3] == OK for e in others) / len(others)
    play.bar("others right", round(100 * right, 3), ">=", 99.9, " %")
    play.bar("error lines", sum(e[5] != NOT_DONE for e in play.errors()), "==", 0)
    # The clients of the load take a connection that ends for a violation.
    play.judge((0,), since)


@row("F47", "hangs, cuts and resets under fail_fast: what is told NOT_STORED or NOT_FOUND was not done, counters too")
def told_that_it_was_not_done(play):
    rig, _ = play.start({**STRICT, "writes_on_failure": "miss"}, relayed=True)
    dice = random.Random(play.options.seed)
    since = time.monotonic()
    for _ in range(int(4 * play.scale)):
        rig.servers[0].stop()
        play.pause(dice.choice([0.3, 0.55, 0.7, 1.5]))
        rig.servers[0].go_on()
        play.pause(dice.uniform(0.05, 0.5))
        rig.relay.set(0, cut=dice.choice(["rst", "fin"]), chance=0.02)
        play.pause(1)
        rig.relay.set(0, hold=True)
        play.pause(dice.choice([0.3, 0.6, 1.2]))
        rig.relay.do(0, dice.choice(["reset", None]))
        play.pause(dice.uniform(0.2, 1))
    play.until_all_are_up()
    play.pause(0.5)
    play.stop()
    writes = [e for e in play.errors(0, since) if e[6] not in READS]
    told = sum(e[5] == NOT_DONE for e in writes)
    play.bar("writes told that they were not done", told, ">=", 50)
    play.bar("told an error line", round(100 * (len(writes) - told) / max(1, told), 2), "<=", 5, " % of these")
    play.bar("increments among them", sum(e[6] == "incr" and e[5] == NOT_DONE for e in writes), ">=", 1)
    play.judge((0,), since)
