"""One client: what it asks for, and what may answer that."""

import collections
import random
import re
import selectors
import socket
import time

from model import Counter, Key

LOOPBACK = "127.0.0.1"
FAILED = re.compile(
    rb"SERVER_ERROR ringroad: (\S+) (refused|unreachable|timed out|connection lost|protocol error|queue full|down|shutting down)(?: .*)?$"
)
# Said of a request that was never sent: it cannot have been applied.
UNSENT = {b"refused", b"down", b"queue full", b"unreachable", b"shutting down"}
READS = {"get", "gets", "mg"}
# The cause of a write that is told NOT_STORED or NOT_FOUND, with `writes_on_failure: miss`. It must never be seen.
NOT_DONE = "not done"
OK, MISS, ERROR, BAD = range(4)


class Bad(Exception):
    """An answer that cannot be. The connection's place is lost."""

    def __init__(self, what, why):
        super().__init__(why)
        self.what = what


class Ask:
    """One request and what may answer it."""

    __slots__ = ("kind", "keys", "version", "limits", "at", "words")

    def __init__(self, kind, keys, version=0, words=()):
        self.kind = kind
        self.keys = keys
        self.version = version
        self.words = words
        self.limits = [key.tried if isinstance(key, Key) else 0 for key in keys]
        self.at = 0


class Client:
    def __init__(self, crew, number, keys, counters, pinned):
        self.crew = crew
        self.number = number
        self.keys = keys
        self.counters = counters
        self.pinned = pinned
        self.dice = random.Random(crew.spec["seed"] * 1000 + number)
        self.wire = None
        self.buffer = bytearray()
        self.asks = collections.deque()
        self.out = b""
        self.sent_at = 0.0
        self.batch = 0
        # Gone with their server, to be made anew.
        self.lost_counters = set()
        self.kind = ""
        self.is_filling = True

    # MARK: the connection

    def connect(self):
        self.buffer.clear()
        self.asks.clear()
        self.out = b""
        self.wire = socket.socket()
        self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.wire.settimeout(5)
            self.wire.connect((LOOPBACK, self.crew.spec["port"]))
        except OSError:
            self.wire.close()
            self.wire = None
            self.crew.refused += 1
            return False
        self.wire.setblocking(False)
        self.crew.selector.register(self.wire, selectors.EVENT_READ, self)
        return True

    def disconnect(self):
        if self.wire:
            self.crew.selector.unregister(self.wire)
            self.wire.close()
            self.wire = None
        for ask in self.asks:
            self.doubt(ask)
        self.asks.clear()

    # MARK: asking

    def turn(self, now):
        """Asks for something, unless answers are still awaited."""
        if self.asks:
            return
        if self.wire is None and not self.connect():
            self.crew.later(now + 0.05, self)
            return
        batch = bytearray()
        if self.is_filling:
            for key in self.keys:
                batch += self.store(key)
            for counter in self.counters:
                batch += b"set %s 0 0 1\r\n0\r\n" % counter.name
                self.asks.append(Ask("set counter", [counter]))
        else:
            for _ in range(self.dice.choice(self.crew.batches)):
                batch += self.request()
        if not self.asks:
            self.asks.append(Ask("mn", []))
            batch += b"mn\r\n"
        self.sent_at = now
        self.batch = len(self.asks)
        self.out = bytes(batch)
        self.write()

    def write(self):
        step = self.crew.spec.get("segment")
        try:
            while self.out:
                sent = self.wire.send(self.out[: step or len(self.out)])
                self.out = self.out[sent:]
        except BlockingIOError:
            self.crew.selector.modify(self.wire, selectors.EVENT_READ | selectors.EVENT_WRITE, self)
            return
        except OSError:
            return self.over()
        self.crew.selector.modify(self.wire, selectors.EVENT_READ, self)

    def store(self, key, quiet=False):
        version = key.next_version()
        value = key.value(version)
        if quiet:
            key.doubts[version] = False
            key.quiet.append(time.monotonic())
            return b"set %s %d 0 %d noreply\r\n%s\r\n" % (key.name, key.flags, len(value), value)
        self.asks.append(Ask("set", [key], version))
        return b"set %s %d 0 %d\r\n%s\r\n" % (key.name, key.flags, len(value), value)

    def request(self):
        dice = self.dice
        key = dice.choice(self.keys)
        kind = dice.random()
        if kind < 0.36 or (self.crew.spec["plain"] and 0.70 <= kind < 0.80):
            self.asks.append(Ask("get", [key]))
            return b"get %s\r\n" % key.name
        if kind < 0.54:
            return self.store(key)
        if kind < 0.57:
            return self.store(key, quiet=True)
        if kind < 0.70:
            # A key asked for twice is answered twice.
            keys = [dice.choice(self.keys) for _ in range(dice.randint(2, 12))]
            self.asks.append(Ask("get", keys))
            return b"get %s\r\n" % b" ".join(k.name for k in keys)
        if kind < 0.80:
            opaque = b"%d" % dice.randrange(1 << 20)
            self.asks.append(Ask("mg", [key], words=(b"f%d" % key.flags, b"O" + opaque, b"k" + key.name)))
            return b"mg %s v f O%s k\r\n" % (key.name, opaque)
        if kind < 0.86:
            version = key.next_version()
            value = key.value(version)
            opaque = b"O%d" % dice.randrange(1 << 20)
            self.asks.append(Ask("ms", [key], version, (opaque,)))
            return b"ms %s %d F%d %s\r\n%s\r\n" % (key.name, len(value), key.flags, opaque, value)
        if kind < 0.90:
            self.asks.append(Ask("delete", [key], key.next_version()))
            return b"delete %s\r\n" % key.name
        if kind < 0.93:
            self.asks.append(Ask("touch", [key]))
            return b"touch %s 0\r\n" % key.name
        if kind < 0.97 and self.counters:
            counter = dice.choice(self.counters)
            if counter in self.lost_counters:
                self.lost_counters.discard(counter)
                self.asks.append(Ask("add", [counter]))
                return b"add %s 0 0 1\r\n0\r\n" % counter.name
            self.asks.append(Ask("incr", [counter]))
            return b"incr %s 1\r\n" % counter.name
        if kind < 0.985:
            self.asks.append(Ask("gets", [key]))
            return b"gets %s\r\n" % key.name
        self.asks.append(Ask("mn", []))
        return b"mn\r\n"

    # MARK: answers

    def readable(self):
        try:
            data = self.wire.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            return self.over()
        self.buffer += data
        now = time.monotonic()
        p = 0
        try:
            while self.asks:
                taken = self.take(self.asks[0], p, now)
                if taken is None:
                    break
                p = taken
                self.asks.popleft()
            if not self.asks and p < len(self.buffer):
                raise Bad("extra", f"{bytes(self.buffer[p : p + 80])!r}")
        except Bad as bad:
            about = self.asks[0] if self.asks else None
            self.violate(bad.what, f"{about and about.kind} {about and about.keys and about.keys[0].name}: {bad}")
            return self.again()
        del self.buffer[:p]
        if not self.asks:
            self.is_filling = False
            self.crew.done(self, now)

    def over(self):
        """The other side has closed."""
        if self.crew.is_ending and not self.buffer and len(self.asks) == self.batch:
            self.crew.raced += len(self.asks)
        elif self.asks:
            self.violate(
                "unanswered", f"{len(self.asks)} requests, first {self.asks[0].kind}, after {bytes(self.buffer[:60])!r}"
            )
        elif not self.crew.is_ending:
            self.violate("dropped", "closed while idle")
        self.again()

    def again(self):
        self.disconnect()
        self.crew.later(time.monotonic() + 0.02, self)

    def violate(self, what, why):
        self.crew.violate(what, f"client {self.number}: {why}")

    def line(self, p):
        end = self.buffer.find(b"\r\n", p)
        if end < 0:
            if len(self.buffer) - p > 4096:
                raise Bad("desync", f"no line: {bytes(self.buffer[p : p + 80])!r}")
            return None, p
        return bytes(self.buffer[p:end]), end + 2

    def note(self, key, what, now, cause=None):
        self.crew.events.append((now, self.number, key.owner, what, now - self.sent_at, cause, self.kind))

    def doubt(self, ask):
        for key in ask.keys:
            if ask.kind in ("set", "ms", "delete"):
                key.doubts[ask.version] = ask.kind == "delete"
            elif ask.kind == "incr":
                key.doubts += 1

    def failed(self, ask, line, now):
        """Whether it is an error line that an answer may be; then it has been noted."""
        match = FAILED.match(line)
        allowed = any(line.startswith(one) for one in self.crew.spec["allowed"])
        if not match and not allowed:
            return False
        cause = match[2] if match else line
        if allowed or cause not in UNSENT:
            self.doubt(ask)
        if match:
            self.crew.causes[cause.decode()] += 1
            self.crew.trouble(match[1], now)
            if ask.kind not in READS:
                for key in ask.keys:
                    key.may_be_forgotten = True
        for key in ask.keys:
            self.note(key, ERROR, now, cause.decode(errors="replace"))
        return True

    def was_not_done(self, ask, key, line, now):
        """Whether a write is told that it was not done.

        Its version is neither known nor in doubt: if it is seen later, that is a mismatch. Of an increment the number
        stays as it was known, so that one that was done all the same is found by the next answer. A delete is known to
        be done. Where servers may forget, NOT_FOUND is a miss like any other."""
        if not self.crew.spec["hides_failed_writes"]:
            return False
        if ask.kind in ("set", "set counter"):
            is_told = line == b"NOT_STORED"
        elif ask.kind == "ms":
            is_told = line == b"NS " + ask.words[0]
        elif ask.kind in ("delete", "touch"):
            is_told = line == b"NOT_FOUND" and not self.crew.forgetful[key.owner] and not key.may_be_missing()
        else:
            is_told = ask.kind == "incr" and line == b"NOT_FOUND" and not key.may_be_forgotten
        if not is_told:
            return False
        self.crew.causes[NOT_DONE] += 1
        self.crew.trouble(self.crew.spec["labels"][key.owner], now)
        # The old value is there, or none.
        key.may_be_forgotten = True
        if ask.kind == "delete":
            key.acknowledged(ask.version, deletes=True)
        if ask.kind == "incr":
            self.lost_counters.add(key)
        self.note(key, ERROR, now, NOT_DONE)
        return True

    def take(self, ask, p, now):
        """Takes the answer to a request; None while there is not all of it."""
        self.kind = ask.kind
        if ask.kind in ("get", "gets"):
            return self.take_values(ask, p, now)
        line, after = self.line(p)
        if line is None:
            return None
        if ask.kind != "mn" and self.failed(ask, line, now):
            return after
        if ask.kind == "mn":
            if line != b"MN":
                raise Bad("desync", repr(line[:80]))
            return after
        key = ask.keys[0]
        if ask.kind == "mg":
            return self.take_meta(ask, key, line, after, now)
        if self.was_not_done(ask, key, line, now):
            return after
        if ask.kind == "set counter" and line == b"STORED":
            key.low = 0
        elif ask.kind == "add" and line in (b"STORED", b"NOT_STORED"):
            if line == b"STORED":
                key.low, key.doubts = 0, 0
            elif not self.crew.spec["hides_failed_writes"]:
                key.low = None
        elif (ask.kind == "set" and line == b"STORED") or (ask.kind == "ms" and line == b"HD " + ask.words[0]):
            key.acknowledged(ask.version)
        elif ask.kind == "delete" and line in (b"DELETED", b"NOT_FOUND"):
            if line == b"NOT_FOUND" and not key.may_be_missing():
                self.missed(key, now)
            key.acknowledged(ask.version, deletes=True)
        elif ask.kind == "touch" and line in (b"TOUCHED", b"NOT_FOUND"):
            if line == b"NOT_FOUND" and not key.may_be_missing():
                return self.missed(key, now) or after
        elif ask.kind == "incr" and line.isdigit():
            bad = key.judge(int(line))
            if bad and not self.crew.forgetful[key.owner]:
                self.violate(bad, f"{key.name} is {line}, doubts {key.doubts}")
        elif ask.kind == "incr" and line == b"NOT_FOUND":
            if key.may_be_forgotten:
                self.note(key, MISS, now)
            else:
                self.missed(key, now)
            if not self.crew.spec["hides_failed_writes"]:
                key.low = None
            self.lost_counters.add(key)
            return after
        else:
            raise Bad("desync", repr(line[:120]))
        self.note(key, OK, now)
        return after

    def missed(self, key, now):
        """A miss where there should be a value."""
        if self.crew.forgetful[key.owner]:
            self.note(key, MISS, now)
        else:
            self.violate(
                "false_miss", f"{key.name}, {'a number' if isinstance(key, Counter) else f'version {key.known}'}"
            )
            self.note(key, BAD, now)

    def seen(self, key, data, flags, limit, now):
        bad = key.judge(data, limit) if flags == key.flags else "mismatch"
        if bad == "zombie":
            self.crew.zombies += 1
        elif bad:
            self.violate(
                bad,
                f"{self.kind} {key.name}: known {key.known}, tried {limit}, got {bytes(data[:24])!r} ({len(data)} bytes, flags {flags})",
            )
            return self.note(key, BAD, now)
        self.note(key, OK, now)

    def value(self, size, p):
        if not 0 <= size <= 1 << 21:
            raise Bad("desync", f"a value of {size} bytes")
        if len(self.buffer) < p + size + 2:
            return None
        if self.buffer[p + size : p + size + 2] != b"\r\n":
            raise Bad("desync", f"no line end behind a value: {bytes(self.buffer[p + size - 20 : p + size + 20])!r}")
        return bytes(self.buffer[p : p + size])

    def take_meta(self, ask, key, line, after, now):
        words = line.split(b" ")
        # memcached gives a miss its opaque and key since 1.6.18 only.
        is_miss = words[0] == b"EN" and words[1:] in ([], list(ask.words[1:]))
        if not is_miss and not (words[0] == b"VA" and words[2:] == list(ask.words)):
            raise Bad("desync", repr(line[:120]))
        if is_miss:
            if key.may_be_missing():
                self.note(key, OK, now)
            else:
                self.missed(key, now)
            return after
        data = self.value(int(words[1]), after)
        if data is None:
            return None
        self.seen(key, data, key.flags, ask.limits[0], now)
        return after + len(data) + 2

    def take_values(self, ask, p, now):
        found = []
        while True:
            line, after = self.line(p)
            if line is None:
                return None
            if not line.startswith(b"VALUE "):
                break
            words = line.split(b" ")
            if len(words) != (5 if ask.kind == "gets" else 4) or not words[3].isdigit() or not words[2].isdigit():
                raise Bad("desync", repr(line[:120]))
            data = self.value(int(words[3]), after)
            if data is None:
                return None
            found.append((words[1], int(words[2]), data))
            p = after + len(data) + 2
        error = None
        if line != b"END":
            error = FAILED.match(line)
            if not error:
                raise Bad("desync", repr(line[:120]))
            self.crew.causes[error[2].decode()] += 1
            self.crew.trouble(error[1], now)
        at = 0
        for i, key in enumerate(ask.keys):
            if at < len(found) and found[at][0] == key.name:
                self.seen(key, found[at][2], found[at][1], ask.limits[i], now)
                at += 1
            elif error and (not key.may_be_missing() or self.crew.spec["labels"][key.owner] == error[1]):
                # One line stands for all servers that failed.
                self.note(key, ERROR, now, error[2].decode())
            elif key.may_be_missing():
                self.note(key, OK, now)
            else:
                self.missed(key, now)
        if at < len(found):
            raise Bad("mismatch", f"values that nobody asked for, or out of order: {[one[0] for one in found[at:]]}")
        return after
