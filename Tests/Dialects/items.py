"""What a fake server holds: items, their cas numbers and times, and how the versions store, count and flush them."""

import time

from numerals import lenient_unsigned

MAX_DELTA = 60 * 60 * 24 * 30
# memcached counts its seconds from a moment before its start, so that 0 and 1 can mean something else.
HEAD_START = 62
LARGEST = 1 << 20
HEADER = 56


class Item:
    def __init__(self, key, value, flags=0, exptime=0):
        self.key, self.value, self.flags, self.exptime = key, value, flags, exptime
        self.cas = 0
        self.time = 0
        # How many answers that were not sent yet show its value.
        self.holders = 0
        self.is_fetched = self.is_stale = self.is_token_sent = self.has_binary_key = False

    @property
    def size(self):
        """The bytes that memcached uses for it."""
        return HEADER + len(self.key) + 1 + len(self.value) + 2 + (4 if self.flags else 0)

    @property
    def slab_class(self):
        """The slab class of that size, with memcached's default growth."""
        number, size = 1, 96
        while size < self.size and size <= LARGEST // 2 / 1.25 and number < 63:
            size = -(-int(size * 1.25) // 8) * 8
            number += 1
        return number


def is_too_large(key, flags, length):
    return HEADER + len(key) + 1 + length + 2 + (4 if flags else 0) > LARGEST


class Items:
    """All items of one server."""

    def __init__(self, version):
        self.version = version
        self.started = int(time.time()) - HEAD_START
        self.held = {}
        self.last_cas = 0
        self.oldest_live = self.oldest_cas = 0
        self.counts = {}

    @property
    def now(self):
        return int(time.time()) - self.started

    def count(self, name, by=1):
        self.counts[name] = self.counts.get(name, 0) + by

    def next_cas(self):
        self.last_cas += 1
        return self.last_cas

    def realtime(self, exptime):
        """Seconds of this server at which that time is over; 0: never, 1: long ago."""
        if exptime == 0:
            return 0
        if exptime > MAX_DELTA:
            return 1 if exptime <= self.started else (exptime - self.started) & 0xFFFFFFFF
        return (exptime + self.now) & 0xFFFFFFFF

    def expiry(self, exptime, is_past=True):
        return self.realtime(MAX_DELTA + 1 if exptime < 0 and is_past else exptime)

    # MARK: one item

    def is_flushed(self, item):
        if self.oldest_live == 0 or self.oldest_live > self.now:
            return False
        return item.time <= self.oldest_live or 0 < item.cas < self.oldest_cas

    def get(self, key, bumps=False):
        item = self.held.get(key)
        if item is None:
            return None
        if self.is_flushed(item) or 0 < item.exptime <= self.now:
            del self.held[key]
            return None
        if bumps:
            self.bump(item)
        return item

    def bump(self, item):
        item.is_fetched = True
        item.time = self.now

    def link(self, item, cas=None):
        item.cas = self.next_cas() if cas is None else cas
        item.time = self.now
        self.held[item.key] = item
        self.count("total_items")

    def delete(self, key):
        self.held.pop(key, None)

    def touch(self, key, expiry):
        item = self.get(key)
        if item:
            item.exptime = expiry
        return item

    def store(self, verb, item, cas=0, is_stale_allowed=False, new_cas=None):
        """Stores as set, add, … or their creating kinds do: STORED, NOT_STORED, EXISTS or NOT_FOUND, and what is held."""
        old = self.get(item.key)
        if old is None:
            if verb == b"cas":
                return b"NOT_FOUND", item
            if verb not in (b"set", b"add", b"append+", b"prepend+"):
                return b"NOT_STORED", item
            self.link(item, new_cas)
            return b"STORED", item
        if verb == b"add":
            return b"NOT_STORED", item
        matches = cas == old.cas
        if verb == b"cas":
            if not matches or not cas:
                if not (is_stale_allowed and 0 < cas < old.cas):
                    return b"EXISTS", item
                item.exptime, item.is_stale, item.is_token_sent = old.exptime, True, old.is_token_sent
        elif verb in (b"append", b"prepend", b"append+", b"prepend+"):
            if cas and not matches:
                return b"EXISTS", item
            value = old.value + item.value if verb.startswith(b"app") else item.value + old.value
            if is_too_large(item.key, old.flags, len(value)):
                return b"NOT_STORED", item
            joined = Item(item.key, value, old.flags, old.exptime)
            # The answer shows the key as the request gave it.
            item = joined
        self.link(item, new_cas)
        return b"STORED", item

    def add_delta(self, key, is_up, delta, cas=0):
        """incr and decr: a word for how it went, the number as text, and the item."""
        item = self.get(key)
        if item is None:
            return "missing", b"", None
        number = lenient_unsigned(item.value + b"\r\n", 64) if item.value.strip() else None
        if not item.value:
            return "not a number", b"", None
        if cas and item.cas != cas:
            return "other cas", b"", None
        if number is None:
            return "not a number", b"", None
        number = (number + delta) % (1 << 64) if is_up else max(0, number - delta)
        text = b"%d" % number
        if len(text) <= len(item.value) and not item.holders:
            item.value = text.ljust(len(item.value))
            item.cas = self.next_cas()
            item.time = self.now
        else:
            # A longer number, or one that an answer still shows, is a new item; what is done to the old one is lost.
            self.link(Item(key, text, item.flags, item.exptime))
            item.cas = self.held[key].cas
        return "done", text, item

    def flush(self, exptime):
        live = self.realtime(exptime) if exptime > 0 else self.now
        self.oldest_live = live - 1
        if self.version.is_strict:
            self.held = {key: item for key, item in self.held.items() if item.time < self.oldest_live}
        elif self.oldest_live <= self.now:
            self.oldest_cas = self.next_cas()
