"""Makes sequences from a seed: what a client may say, and what it should not but might."""

import base64
import random

from meta import meta_request
from sequence import Sequence

STORES = [b"set", b"set", b"set", b"add", b"replace", b"append", b"prepend", b"cas"]
READS = [b"get", b"get", b"get", b"gets", b"gat", b"gats"]

# Written in every odd way that C's functions know, and some that they do not. None is a time that could
# come while a sequence runs.
NUMBERS = [
    b"0", b"10", b"100", b"-1", b"-0", b"+0", b"+10", b"00", b"0100", b"-100", b"\t10", b"10\t", b"\v10",
    b"10\f-", b"10x", b"x", b"-", b"+", b"--1", b"1e3", b"0x10", b"10.0", b"2147483645", b"2147483646",
    b"2147483647", b"2147483648", b"4294967295", b"4294967296", b"4294967306", b"-4294967296", b"-2147483648",
    b"-2147483649", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808",
    b"-9223372036854775809", b"18446744073709551615", b"18446744073709551616", b"-18446744073709551615",
    b"99999999999999999999999", b"2592000", b"2592001", b"31536000", b"\xd9\xa1", b"noreply",
]  # fmt: skip
TIMES = [b"0", b"0", b"0", b"100", b"1000", b"-1", b"2592000", b"2592001", b"4000000000"]
COUNTABLE = [
    b"0", b"7", b"99", b"100", b"1000", b"00012", b"18446744073709551615", b"18446744073709551614",
    b"18446744073709551616", b"-5", b"+5", b" 5", b"5 ", b"5x", b"", b"abc", b"1" * 19, b"9" * 20, b"1" * 21,
]  # fmt: skip
DELTAS = [b"0", b"1", b"1", b"9", b"95", b"100", b"18446744073709551615", b"9223372036854775807"]
WORDS = [
    b"foo", b"ge", b"g", b"getx", b"GETS", b"Get", b"setx", b"cass", b"deletes", b"incrby", b"flush", b"touche",
    b"versio", b"quit2", b"END", b"STORED", b"VALUE", b"*1", b"$3", b"mnx", b"mx", b"m", b"\xff\xfe", b"\x16\x03\x01",
    b"bget", b"verbose", b"stat", b"noreply", b"{}", b"\t", b"\tget", b"get\t",
]  # fmt: skip
STATS = [
    b"stats reset", b"stats foo", b"stats detail", b"stats detail on", b"stats detail off", b"stats detail x",
    b"stats cachedump", b"stats cachedump 1", b"stats cachedump x 1", b"stats cachedump 64 1",
    b"stats cachedump -1 0", b"stats cachedump 10 x", b"stats  reset", b"stats reset x",
    b"stats detail on off", b"stats RESET", b"stats noreply",
]  # fmt: skip


class Grammar:
    """One sequence per seed, always the same."""

    def __init__(self, seed, meta=True):
        self.seed = seed
        self.random = random.Random(seed)
        self.meta = meta
        tag = b"%x" % (seed & 0xFFFFFF)
        self.names = [letter + tag for letter in (b"a", b"b", b"c", b"d", b"e", b"f")]
        # Values of well-formed sequences hold any bytes. Once framing may break, values become requests:
        # then they hold no NUL and no CR without LF, which ringroad refuses on purpose.
        self.is_dirty = self.random.random() < 0.55
        # memcached answers anything to incr and decr of a blank value: a sequence has either.
        self.counts = self.random.random() < 0.7

    # MARK: whole sequences

    def sequence(self):
        r = self.random
        requests = []
        for _ in range(r.choice([1, 2, 3, 3, 4, 5, 6, 8, 12, 20, 40])):
            requests.append(self.odd() if self.is_dirty and r.random() < 0.4 else self.good())
        if self.is_dirty and r.random() < 0.35:
            i = r.randrange(len(requests))
            requests[i] = self.damaged(requests[i])
        is_cut_off = r.random() < 0.04
        if is_cut_off:
            requests.append(self.ending())
        mode = r.choice(["whole", "whole", "cut", "cut", "steps"])
        if any(len(word) > 250 for one in requests for word in one.split()):
            # memcached drops the answers that wait to be sent when a read's key is too long: let none wait.
            mode = "steps"
        cuts = tuple(r.randrange(1 << 30) for _ in range(r.randint(1, 8))) if mode == "cut" else ()
        if mode == "cut" and r.random() < 0.1:
            cuts = tuple(range(64))
        return Sequence(self.seed, tuple(self.setup()), tuple(requests), mode, cuts, not self.is_dirty and not is_cut_off)

    def setup(self):
        r = self.random
        held = [name for name in self.names if r.random() < 0.5]
        for name in held:
            value = (r.choice(COUNTABLE) or b"7") if r.random() < 0.5 else self.value()
            yield b"set %s %d 0 %d\r\n%s\r\n" % (name, r.choice([0, 7, 4294967295]), len(value), value)
        for name in held:
            yield b"gets %s\r\n" % name

    # MARK: requests

    def good(self):
        """A request that memcached understands, if not always plainly written."""
        r = self.random
        if self.meta and r.random() < 0.35:
            return meta_request(self, is_odd=False)
        kind = r.random()
        if kind < 0.33:
            return self.store(self.value())
        if kind < 0.58:
            return self.read()
        if kind < 0.70:
            end = r.choice([b"", b"", b" 0", b" noreply", b" 0 noreply"])
            return b"delete %s%s" % (self.key(), end) + self.end()
        if kind < 0.84 and self.counts:
            line = b"%s %s %s" % (r.choice([b"incr", b"decr"]), self.key(), r.choice(DELTAS))
            return line + self.noreply() + self.end()
        if kind < 0.91:
            return b"touch %s %s" % (self.key(), r.choice(TIMES)) + self.noreply() + self.end()
        if kind < 0.94:
            return b"flush_all" + r.choice([b"", b" 0", b" noreply", b" 0 noreply", b" -1"]) + self.end()
        return r.choice([b"version", b"mn", b"verbosity 0", b"verbosity 1 noreply", *STATS[:5]]) + self.end()

    def store(self, value):
        r = self.random
        verb = r.choice(STORES)
        key = self.key()
        unique = b" {cas:%s}" % (key if r.random() < 0.8 else self.key()) if verb == b"cas" else b""
        flags = r.choice([b"0", b"0", b"1", b"65536", b"4294967295"])
        head = b"%s %s %s %s %d" % (verb, key, flags, r.choice(TIMES), len(value))
        return head + unique + self.noreply() + self.end() + value + b"\r\n"

    def read(self):
        r = self.random
        verb = r.choice(READS)
        count = r.choice([1, 1, 1, 2, 3, 6, 24, 24, 100]) if r.random() < 0.9 or self.is_dirty else 300
        time = b" " + r.choice(TIMES) if verb.startswith(b"gat") else b""
        if time:
            count = min(count, 60)
        line = verb + time + b"".join(b" " + self.key() for _ in range(count))
        if not time and r.random() < 0.01:
            # What stands behind a NUL is not asked.
            line = line[: r.randrange(len(verb) + 2, len(line) + 1)] + b"\0" + self.key() + b" " + self.key()
        return line + self.end()

    def odd(self):
        """A request with something wrong in it, or nearly."""
        r = self.random
        if self.meta and r.random() < 0.3:
            return meta_request(self, is_odd=True)
        kind = r.random()
        if kind < 0.30:
            return self.odd_store()
        if kind < 0.60:
            verb = r.choice([*READS, *STORES, b"delete", b"incr", b"decr", b"touch", b"flush_all", b"verbosity"])
            words = [verb] + [self.word() for _ in range(r.randrange(6))]
            return self.gap(0) + self.gap(1).join(words) + self.noreply() + self.gap(0) + self.end()
        if kind < 0.75:
            line = r.choice([
                b"delete %s %s" % (self.key(), self.number()),
                b"incr %s %s" % (self.key(), self.number()),
                b"decr %s %s" % (self.key(), self.number()),
                b"touch %s %s" % (self.key(), self.number()),
                b"gat %s %s" % (self.number(), self.key()),
                b"gats %s %s %s" % (self.number(), self.key(), self.key()),
                b"verbosity %s" % self.number(),
            ])  # fmt: skip
            return line + self.noreply() + self.end()
        if kind < 0.82:
            return r.choice(STATS) + self.end()
        if kind < 0.92:
            words = [r.choice(WORDS)] + [self.word() for _ in range(r.randrange(4))]
            return b" ".join(words) + self.end()
        return r.choice([b"", b" ", b"   ", b"get", b"gat 0", b"gets ", b"set", b"cas"]) + self.end()

    def odd_store(self):
        """A storage request whose numbers, count of words or value may be wrong."""
        r = self.random
        value = self.value()
        verb = r.choice(STORES)
        size = b"%d" % len(value)
        if r.random() < 0.3:
            size = r.choice([self.number(), b"%d" % (len(value) + r.choice([-2, -1, 1, 2])), b"-1", b"+" + size])
            if size.strip().isdigit() and int(size) > 400 and r.random() < 0.9:
                size = b"0" + size[:2]
        words = [verb, self.word() if r.random() < 0.3 else self.key(), self.maybe(b"0"), self.maybe(b"0"), size]
        if verb == b"cas":
            words.append(self.maybe(b"{cas:%s}" % words[1]))
        if r.random() < 0.1:
            words.pop(r.randrange(len(words)))
        if r.random() < 0.1:
            words.insert(r.randrange(1, len(words) + 1), self.word())
        tail = r.choice([b"\r\n"] * 6 + [b"\n", b"", b"\n\n", b"x\r\n"])
        return self.gap(0) + self.gap(1).join(words) + self.noreply() + self.gap(0) + self.end() + value + tail

    def damaged(self, request):
        """The same with some bytes changed, lost or put in between."""
        r = self.random
        bytes_ = bytearray(request)
        for _ in range(r.randint(1, 3)):
            if not bytes_:
                break
            i = r.randrange(len(bytes_))
            what = r.randrange(6)
            if what == 0:
                bytes_[i] = r.randrange(1, 256)
            elif what == 1:
                bytes_[i] = r.choice(b"\n \t0-")
            elif what == 2:
                del bytes_[i]
            elif what == 3:
                bytes_.insert(i, r.choice(b"\n \t0-x"))
            elif what == 4:
                del bytes_[len(bytes_) - r.randint(1, 4) :]
            else:
                bytes_[i:i] = bytes_[i : i + r.randint(1, 30)]
        return bytes(bytes_)

    def ending(self):
        """What may come last: the connection ends, or a value never does."""
        r = self.random
        return r.choice([
            b"quit\r\n", b"quit\n", b"quit now\r\n", b"set %s 0 0 1000\r\nabc" % self.key(),
            b"set %s 0 0 1048577\r\nabc" % self.key(), b"get %s" % self.key(), b"add %s 0 0 3 noreply\r\nab" % self.key(),
        ])  # fmt: skip

    # MARK: words

    def key(self):
        r = self.random
        if r.random() < 0.93:
            return r.choice(self.names)
        odd = [
            b"k" * 250, b"x\x01\x7f" + self.names[0], b"\xc3\xa9\xff", b"a\tb", self.names[1] + b"\t", b"\x1f" + self.names[0],
            b"\x0b", b"noreply", b"END", b"0", b"a:b",
        ]  # fmt: skip
        return r.choice(odd)

    def word(self):
        r = self.random
        kind = r.random()
        if kind < 0.45:
            return self.key()
        if kind < 0.85:
            return self.number()
        return r.choice([b"k" * 251, b"y" * 300, b"noreply", b"v", b"q", b"-", b"VALUE", b"\x7f"])

    def number(self):
        return self.random.choice(NUMBERS)

    def maybe(self, plain):
        return self.number() if self.random.random() < 0.15 else plain

    def noreply(self):
        r = self.random
        if r.random() < 0.12:
            return b" noreply"
        return r.choice([b" norepl", b" noreply ", b" noreply x"]) if self.is_dirty and r.random() < 0.05 else b""

    def gap(self, least):
        return b" " * (least + (self.random.randint(0, 2) if self.random.random() < 0.15 else 0))

    def end(self):
        return b"\n" if self.random.random() < 0.12 else b"\r\n"

    def value(self):
        value = self.any_value()
        return b"5" if self.counts and not value.strip() else value

    def any_value(self):
        r = self.random
        kind = r.random()
        if kind < 0.25:
            return r.choice([b"", b"x", b"\r\n", b"END\r\n", b"get a\r\nget b\r\n", b"VALUE a 0 1\r\nx\r\nEND\r\n", b"STORED\r\n"])
        if kind < 0.45:
            return r.choice(COUNTABLE)
        if self.is_dirty:
            return bytes(r.choice(b"abcdefghij 0123456789") for _ in range(r.randrange(40)))
        size = r.choice([3, 30, 30, 100, 1000, 4096])
        if r.random() < 0.02:
            size = r.choice([65535, 65536, 200_000, 1048576 - 100, 1048576, 1_100_000])
        return r.randbytes(size)

    def encoded(self, key):
        return base64.b64encode(key)
