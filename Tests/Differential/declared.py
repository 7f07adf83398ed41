"""What a refused line says of its value: ringroad skips the value in any case, memcached mostly runs it as commands.

So that the rest can be compared all the same, memcached is not sent such a value at all: what it answers then is what
ringroad must answer. docs/PROTOCOL.md has the rule; this is a reading of it that shares nothing with ringroad's.
"""

import re

STORES = (b"set", b"add", b"replace", b"append", b"prepend", b"cas")
MOST = (1 << 31) - 3
NUMBER = re.compile(rb"[\t-\r ]*([+-]?)(\d+)(?:[\t-\r ].*)?", re.S)


def number(word):
    """What C's functions read, or None; with whether a minus stands in the word."""
    found = NUMBER.fullmatch(word)
    if not found or int(found[2]) >= 1 << 64:
        return None
    return -int(found[2]) if found[1] == b"-" else int(found[2])


def signed(word):
    """Cut to 32 bits, as memcached before 1.6.40 does."""
    value = number(word)
    if value is None or not -(1 << 63) <= value < 1 << 63:
        return None
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def unsigned(word):
    value = number(word)
    if value is None:
        return None
    value %= 1 << 64
    return None if value >= 1 << 63 and b"-" in word else value


def strict(word, most):
    """Digits that fit, as memcached since 1.6.40 reads them."""
    if word == b"-":
        return 0
    if not re.fullmatch(rb"-?\d+", word) or len(word) > (11 if most < 1 << 32 else 22):
        return None
    return int(word) if -most - 1 <= int(word) <= most else None


def declared(words):
    """The bytes that a line says follow it, with their line end; 0 if it says nothing that is a length."""
    if words[0] in STORES:
        place = words[4] if len(words) > 4 else b""
        value = number(place)
    elif words[0] == b"ms" and len(words) > 2:
        value = number(words[2])
        if value is None or not 0 <= value <= MOST or words[2].lstrip(b"\t\v\f\r").startswith(b"-"):
            sizes = [word for word in words[2:] if word.startswith(b"S")]
            value = number(sizes[0][1:]) if sizes else None
            place = sizes[0][1:] if sizes else b""
        else:
            place = words[2]
    else:
        return 0
    if value is None or not 0 <= value <= MOST or place.lstrip(b"\t\v\f\r").startswith(b"-"):
        return 0
    return value + 2


def read_before_1_6_40(line):
    """How many bytes of a value memcached takes off the stream, whatever it answers; None if it says nothing of one."""
    words = line.split(b"\0")[0].split(b" ")
    words = [word for word in words if word]
    if not words:
        return None
    if words[0] in STORES:
        wanted = 6 if words[0] == b"cas" else 5
        if len(words) not in (wanted, wanted + 1) or len(words[1]) > 250:
            return None
        size = signed(words[4])
        if unsigned(words[2]) is None or signed(words[3]) is None or size is None:
            return None
        if words[0] == b"cas" and unsigned(words[5]) is None:
            return None
        return size + 2 if 0 <= size <= MOST else None
    if words[0] == b"ms" and 3 <= len(words) <= 19 and len(words[1]) <= 250:
        size = signed(words[2])
        return size + 2 if size is not None and 0 <= size <= MOST else None
    return None


def read_since_1_6_40(line):
    words = [word for word in line.split(b" ") if word]
    if not words or line.startswith(b" "):
        return None
    if words[0] in STORES and len(words) >= 5:
        size = strict(words[4], (1 << 31) - 1)
    elif words[0] == b"ms" and len(words) >= 3:
        if any(not (64 < word[0] < 123 or 48 <= word[0] <= 57) for word in words[3:23]):
            return None
        size = strict(words[2], (1 << 31) - 1)
    else:
        return None
    return size + 2 if size is not None and 0 <= size <= MOST else None


class Filter:
    """One client's stream on its way to memcached, without the values of the lines that it refuses."""

    def __init__(self, version):
        self.read = read_since_1_6_40 if version >= (1, 6, 40) else read_before_1_6_40
        self.line = bytearray()
        # Bytes of a value that are still to come, and whether they are left out.
        self.left = 0
        self.is_dropping = False
        self.dropped = 0

    def passed(self, data):
        out = bytearray()
        at = 0
        while at < len(data):
            if self.left:
                count = min(self.left, len(data) - at)
                if self.is_dropping:
                    self.dropped += count
                else:
                    out += data[at : at + count]
                self.left -= count
                at += count
                continue
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end + 1
            self.line += data[at:end]
            out += data[at:end]
            at = end
            if self.line.endswith(b"\n"):
                self.judge(bytes(self.line[:-1]))
                self.line.clear()
        return bytes(out)

    def judge(self, line):
        if line.endswith(b"\r") and len(line) > 1:
            line = line[:-1]
        words = [word for word in line.split(b" ") if word]
        if not words:
            return
        taken = self.read(line)
        self.is_dropping = taken is None
        self.left = declared(words) if taken is None else taken
