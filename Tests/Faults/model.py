"""What a client knows of its own keys, and so what an answer may be.

Every key belongs to one client, which numbers its writes. A write that was answered is known; one that was not (an error
that says that the bytes may have left, or noreply) is in doubt and may be seen later, or never. One that was told
NOT_STORED was not done and must never be seen. A key of which a change
failed may be gone when its server has been out: ringroad deletes it there, so that nobody meets the value of before.
"""

import random
import zlib

# Bytes of every kind but ends of lines; and, with what looks like answers, those too.
PLAIN = random.Random(7).randbytes(8192).replace(b"\r", b" ").replace(b"\n", b" ")
PATTERN = (
    random.Random(7).randbytes(4096).replace(b"\r", b" ")
    + b"\r\nEND\r\nVALUE x 0 1\r\n" * 8
    + random.Random(8).randbytes(2048)
)
# What can never be excused, with what each means.
VIOLATIONS = {
    "mismatch": "a value that was never this key's",
    "stale": "an older value than the last that was acknowledged or seen",
    "false_miss": "a miss of a key that its server holds",
    "lost_ack": "after healing, an acknowledged value is not on its server",
    "dup_apply": "an increment that was applied twice, or not at all",
    "desync": "an answer that does not belong to its request, or no answer at all as the protocol has it",
    "extra": "bytes that nobody asked for",
    "unanswered": "a connection closed with requests unanswered",
    "dropped": "a connection closed, nothing being asked",
    "hang": "no answer within ten seconds",
}


def value_of(name, version, scale=1500, pattern=PATTERN):
    """The bytes of a version of a key: who reads them knows whose they are, and all of them."""
    seed = zlib.crc32(b"%s %d" % (name, version))
    head = b"%s %d %d " % (name, version, seed)
    at = seed % 4096
    return head + pattern[at : at + (seed >> 12) % scale]


def flags_of(name):
    return zlib.crc32(name) & 0xFFFF


class Key:
    __slots__ = ("name", "owner", "tried", "known", "is_absent", "doubts", "may_be_forgotten", "quiet", "troubles", "flags", "scale", "pattern")

    def __init__(self, name, owner, scale=1500, is_plain=False):
        self.name = name
        self.owner = owner
        self.scale = scale
        self.pattern = PLAIN if is_plain else PATTERN
        self.flags = flags_of(name)
        self.tried = 0
        # The last write known to have been applied, and whether it was a delete. 0: nothing was ever written.
        self.known = 0
        self.is_absent = True
        # Writes that may have been applied, or may yet be: version -> whether it deletes.
        self.doubts = {}
        # A change of it failed. Not taken back by a later one: what failed may be noted for a while.
        self.may_be_forgotten = False
        # When it was changed with noreply; and when its server failed, as all clients together know.
        self.quiet = []
        self.troubles = []

    def next_version(self):
        self.tried += 1
        return self.tried

    def value(self, version):
        return value_of(self.name, version, self.scale, self.pattern)

    def acknowledged(self, version, deletes=False):
        if version >= self.known:
            self.known = version
            self.is_absent = deletes
        self.doubts.pop(version, None)

    def judge(self, data, limit):
        """What is wrong with a value that was read when `limit` was the last version tried; None if nothing is."""
        try:
            version = int(data[len(self.name) + 1 :].split(b" ", 1)[0])
        except ValueError:
            return "mismatch"
        if not 0 < version <= limit or data != self.value(version):
            return "mismatch"
        if version == self.known:
            # Of a version that deletes there is no value.
            return "mismatch" if self.is_absent else None
        if version not in self.doubts:
            return "mismatch" if version > self.known else "stale"
        if self.doubts[version]:
            return "mismatch"
        if version > self.known:
            self.acknowledged(version)
            return None
        return "zombie"

    def may_be_missing(self):
        return self.is_absent or any(self.doubts.values()) or self.was_given_up()

    def was_given_up(self):
        """Whether a change of it failed, or may have failed without a word."""
        if not self.may_be_forgotten:
            self.may_be_forgotten = any(abs(q - t) < 1 for q in self.quiet for t in self.troubles)
        return self.may_be_forgotten


class Counter:
    """A number that is only ever added one to: how often it was applied can be told from it."""

    __slots__ = ("name", "owner", "low", "doubts", "may_be_forgotten")

    def __init__(self, name, owner):
        self.name = name
        self.owner = owner
        self.low = None
        self.doubts = 0
        self.may_be_forgotten = False

    def judge(self, number):
        if self.low is None:
            self.low = number
            return None
        steps = number - self.low
        self.low = number
        if not 1 <= steps <= 1 + self.doubts:
            return "dup_apply"
        self.doubts -= steps - 1
        return None
