"""Rows about memory: long values, and clients that take or send little of much. M1-M4."""

import collections
import hashlib
import random
import selectors
import socket
import threading
import time

from bars import MEGABYTE, eventually, quantile
from rig import STRICT, Sampler
from table import row

# Servers that take values of 64 MB.
LARGE = {i: ("-m", "1024", "-I", "64m") for i in range(4)}
# What buffers may take by default, a quarter more for a moment, and what the requests' own records take.
BOUND = 64


class Wire:
    """A connection that checks what it reads, without keeping it twice."""

    def __init__(self, proxy, receive=None, patience=30):
        self.one = socket.socket()
        if receive:
            self.one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.one.settimeout(patience)
        self.one.connect(("127.0.0.1", proxy.port))
        self.rest = b""

    def send(self, data):
        self.one.sendall(data)

    def line(self):
        while b"\r\n" not in self.rest:
            self.rest += self.more()
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def more(self, most=1 << 18):
        data = self.one.recv(most)
        if not data:
            raise EOFError("closed")
        return data

    def take(self, count):
        """So many bytes."""
        parts = [self.rest[:count]]
        have = len(parts[0])
        self.rest = self.rest[count:]
        while have < count:
            parts.append(self.more(min(1 << 20, count - have)))
            have += len(parts[-1])
        return b"".join(parts)

    def value(self):
        """The value of `VALUE …` or `VA …`; None for a miss."""
        line = self.line()
        if line in (b"END", b"EN"):
            return None
        words = line.split()
        if words[0] not in (b"VALUE", b"VA"):
            raise ValueError(line[:100])
        value = self.take(int(words[3] if words[0] == b"VALUE" else words[1]))
        if self.take(2) != b"\r\n":
            raise ValueError("no end of the value")
        return value

    def end(self):
        line = self.line()
        if line != b"END":
            raise ValueError(line[:100])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.one.close()


def value_of(size, seed):
    """Different for each size and seed, and nowhere periodic by a buffer's length."""
    block = hashlib.sha256(b"%d %d" % (size, seed)).digest() * 31 + b"\r\nEND\r\n%d" % seed
    return (block * (size // len(block) + 1))[:size]


SIZES = [0, 1, 2047, 65_535, 65_536, 262_144, 1_048_300, 1_048_576, 1_048_577, 1_300_000, 2_500_000]


@row("M1", "values from nothing to 64 MB, byte for byte, in little memory", short=True)
def lengths(play):
    # A memcached of one thread reads what there is of a long value before it turns to anybody else, and what is
    # read behind one that is let go by waits until it has gone. Here it is the bytes that are judged.
    patient = {**STRICT, "request_timeout": "30s", "connect_timeout": "3s"}
    rig, _ = play.start(patient, load=False, server_options=LARGE)
    play.sampler.is_over = True
    dice = random.Random(play.options.seed)
    sizes = SIZES + ([64_000_000] if play.scale < 1 else [4 << 20, 16_000_000, 64_000_000])
    wrong = []
    with Wire(rig.proxy) as one:
        one.send(b"mn\r\n")
        one.line()
        for size in SIZES:
            exchange(one, size, dice, wrong)
        play.pause(0.3)
        sampler = Sampler(rig.proxy)
        for size in sizes:
            exchange(one, size, dice, wrong)
        several(one, dice, wrong)
        pipelined(one, wrong)
    more = sampler.end() / MEGABYTE
    play.bar("wrong", wrong[:3], "==", [])
    play.bar("RSS of one client", round(more, 1), "<=", 8, " MB more")
    crowd(play, rig, 6 if play.scale < 1 else 20, 16_000_000 if play.scale < 1 else 48_000_000)


def exchange(one, size, dice, wrong):
    """Set by one of the two ways, whole or in pieces, got by both."""
    value = value_of(size, dice.randrange(1000))
    key = b"size:%d" % size
    if dice.random() < 0.5:
        head, stored = b"set %s 7 0 %d\r\n" % (key, size), b"STORED"
    else:
        head, stored = b"ms %s %d F7\r\n" % (key, size), b"HD"
    data = head + value + b"\r\n"
    if dice.random() < 0.5:
        cuts = sorted(dice.randrange(len(data) + 1) for _ in range(3))
        for begin, end in zip([0, *cuts], [*cuts, len(data)]):
            one.send(data[begin:end])
            time.sleep(0.002)
    else:
        one.send(data)
    if (line := one.line()) != stored:
        wrong.append(f"{head[:30]}: {line[:80]}")
    one.send(b"get %s\r\n" % key)
    if one.value() != value:
        wrong.append(f"get {size}")
    one.end()
    one.send(b"mg %s v f\r\n" % key)
    if one.value() != value:
        wrong.append(f"mg {size}")


def several(one, dice, wrong):
    """A multi-get of short and long values and misses, in the order asked."""
    names = [(b"several:%d" % i, size) for i, size in enumerate([10, 2_000_000, 300_000, 5_000_000, 0, 1_100_000])]
    values = {}
    for name, size in names:
        values[name] = value_of(size, dice.randrange(1000))
        one.send(b"set %s 0 0 %d\r\n%s\r\n" % (name, size, values[name]))
        if one.line() != b"STORED":
            wrong.append("several: not stored")
    for _ in range(3):
        dice.shuffle(names)
        one.send(b"get " + b" nothing ".join(name for name, _ in names) + b"\r\n")
        for name, _ in names:
            if one.value() != values[name]:
                wrong.append(f"several: {name}")
        one.end()


def pipelined(one, wrong):
    """Writes and reads of one key behind each other without waiting: each read sees the write before it."""
    values = [value_of(size, 3) for size in (1_500_000, 20, 1_200_000, 900_000)]

    def talk():
        for value in values:
            one.send(b"set pipe 0 0 %d\r\n%s\r\nget pipe\r\nmg pipe v\r\n" % (len(value), value))

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    for value in values:
        if one.line() != b"STORED" or one.value() != value:
            wrong.append("pipelined")
        one.end()
        if one.value() != value:
            wrong.append("pipelined, meta")
    thread.join()


def crowd(play, rig, count, size):
    """Many at a time."""
    wrong = []

    def work(number):
        try:
            value = value_of(size, number)
            with Wire(rig.proxy) as one:
                one.send(b"set crowd:%d 0 0 %d\r\n%s\r\n" % (number, size, value))
                if (line := one.line()) != b"STORED":
                    return wrong.append(line)
                one.send(b"get crowd:%d\r\n" % number)
                got = one.value()
                # What the servers have no room for is gone.
                if got is not None and got != value:
                    wrong.append(f"crowd {number}")
        except (OSError, EOFError, ValueError) as error:
            wrong.append(repr(error))

    sampler = Sampler(rig.proxy)
    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    play.bar(f"wrong of {count} at a time", wrong[:3], "==", [])
    play.bar("RSS then", round(sampler.end() / MEGABYTE, 1), "<=", BOUND, " MB more")


@row("M2", "values of 64 MB at 1 MB a second, read and written", short=True)
def slow_pace(play):
    rig, load = play.start(server_options=LARGE)
    value = value_of(64_000_000, 1)
    with Wire(rig.proxy) as one:
        one.send(b"set slow 0 0 %d\r\n%s\r\n" % (len(value), value))
        stored = one.line()
    owner = rig.proxy.route(["slow"])["slow"]
    play.pause(1.5)
    since = time.monotonic()
    seconds = 5 * play.scale
    cut = []

    def read():
        with Wire(rig.proxy, receive=65536) as one:
            one.send(b"get slow\r\n")
            one.line()
            at = len(one.rest)
            while time.monotonic() < since + seconds:
                at += len(one.more(100_000))
                time.sleep(0.1)
        cut.append(at)

    def write():
        with Wire(rig.proxy) as one:
            one.send(b"set slow 0 0 %d\r\n" % len(value))
            at = 0
            while time.monotonic() < since + seconds:
                one.send(value[at : at + 100_000])
                at += 100_000
                time.sleep(0.1)
        cut.append(at)

    threads = [threading.Thread(target=work, daemon=True) for work in (read, write) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 10)
    until = time.monotonic()
    play.pause(0.2)
    play.stop()
    play.bar("stored", stored, "==", b"STORED")
    play.bar("slow ones served all the time", len(cut), "==", 4)
    same = play.result.of(owner=owner, since=since, until=until, pinned=True)
    slowdown(play, since, until, same)
    play.judge((), since, rss=16, p99=150)


def slowdown(play, since, until, events=None):
    """How much slower the others are than they were before."""
    causes = collections.Counter(f"{e[5]}" for e in play.errors())
    play.bar("errors of others", sorted(causes.items()), "==", [])
    before = quantile(play.result.of(since=play.begun + 0.3, until=since, pinned=True), 0.99)
    now = quantile(events or play.result.of(since=since, until=until, pinned=True), 0.99)
    # Below some milliseconds it is the machine that is measured.
    play.bar("p99 to before", round(now / max(before, 0.004), 2), "<=", 3, " x", is_time=True)


# How a client that takes nothing asks. A learned window: its first answers are small, and read.
GREED = {
    "small": lambda i: b"get short:%d\r\n" % (i % 8) * 3000,
    "64 KiB": lambda i: b"get middle:%d\r\n" % (i % 8) * 1000,
    "1 MB": lambda i: b"get long:%d\r\n" % (i % 8) * 500,
    "many keys": lambda i: (b"get " + b" ".join(b"none:%d" % n for n in range(100)) + b"\r\n") * 40,
    "meta": lambda i: b"mg middle:%d v k O1\r\n" % (i % 8) * 1000,
}


# Whose answers were small, and who has read them, may have many requests in flight: it asks for long ones then.
LEARNED = {"learned": lambda i: b"get short:1\r\n" * 200}


@row("M3", "300 clients that never read: small answers, 64 KiB, 1 MB, many keys", short=True)
def never_read(play):
    greedy(play, GREED)


@row("M5", "the same, and some of them had small answers before, and read them")
def never_read_any_more(play):
    greedy(play, GREED | LEARNED)


def greedy(play, kinds):
    rig, _ = play.start()
    with Wire(rig.proxy) as one:
        for name, size in (("short", 20), ("middle", 65_536), ("long", 1_000_000)):
            for i in range(8):
                one.send(b"set %s:%d 0 0 %d\r\n%s\r\n" % (name.encode(), i, size, value_of(size, i)))
                if one.line() != b"STORED":
                    raise RuntimeError("not stored")
    play.pause(1.2)
    since = time.monotonic()
    deaf = []
    for i in range(300):
        kind = list(kinds)[i % len(kinds)]
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", rig.proxy.port))
        deaf.append((one, kind, kinds[kind](i)))
    push(deaf, 1.5)
    learned = [(one, kind, b"get long:3\r\n" * 500) for one, kind, _ in deaf if kind == "learned"]
    for one, _, _ in learned:
        drain(one)
    push(learned, 1)
    push([(one, kind, data) for one, kind, data in deaf if kind != "learned"], 3 * play.scale)
    until = time.monotonic()
    # What they ask for may be taken at once, and is only begun then.
    play.pause(max(0, since + 4 * play.scale - time.monotonic()))
    play.stop()
    for one, _, _ in deaf:
        one.close()
    slowdown(play, since, until)
    play.judge((), since, rss=BOUND, p99=150)
    back(play, rig)


def back(play, rig, clients=330):
    """It took what the formula says, and is the system's again."""
    most = rig.proxy.most_memory(play.sampler.base, clients)
    play.bar("RSS to the formula", round(play.sampler.most / most, 2), "<=", 1.1)
    took = eventually(60, lambda: rig.proxy.rss() < play.sampler.base + 16 * MEGABYTE, 0.2)
    play.remarks.append(f"RSS {play.sampler.base >> 20} MiB, most {play.sampler.most >> 20}, in the end {rig.proxy.rss() >> 20}")
    play.time_bar("memory back after", took, "<=", 60_000)


def drain(one):
    try:
        while one.recv(1 << 16):
            pass
    except OSError:
        pass


def push(many, seconds):
    """Sends without ever waiting, and reads nothing."""
    selector = selectors.DefaultSelector()
    for one, _, data in many:
        one.setblocking(False)
        selector.register(one, selectors.EVENT_WRITE, [data, 0])
    end = time.monotonic() + seconds
    while time.monotonic() < end and selector.get_map():
        for key, _ in selector.select(0.05):
            data, sent = key.data
            try:
                key.data[1] += key.fileobj.send(data[sent : sent + (1 << 16)])
            except BlockingIOError:
                continue
            except OSError:
                selector.unregister(key.fileobj)
                continue
            if key.data[1] >= len(data):
                selector.unregister(key.fileobj)
    selector.close()


@row("M4", "300 clients of half a value each, one byte a second")
def drops(play):
    rig, _ = play.start()
    play.pause(1)
    since = time.monotonic()
    slow = []
    for i in range(300):
        one = socket.socket()
        one.connect(("127.0.0.1", rig.proxy.port))
        size = (200_000, 1_000_000, 8_000_000)[i % 3]
        slow.append((one, b"", b"set half:%d 0 0 %d\r\n" % (i, size) + b"h" * (size // 2)))
    push(slow, 3 * play.scale)
    until = time.monotonic() + 10 * play.scale
    while time.monotonic() < until:
        for one, _, _ in slow:
            try:
                one.send(b"h")
            except OSError:
                pass
        time.sleep(1)
    play.stop()
    for one, _, _ in slow:
        one.close()
    slowdown(play, since, until)
    play.judge((), since, rss=BOUND, p99=150)
    back(play, rig)
