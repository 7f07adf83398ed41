"""Meta commands as memcached 1.6 runs them: each flag a word of its own. Serves 1.6.9 to 1.6.45."""

import base64

from items import Item, is_too_large
from numerals import decoded, lenient_signed, lenient_unsigned, strict_signed, strict_unsigned

VERBS = (b"mg", b"ms", b"md", b"ma", b"mn", b"me")
BAD_LINE = b"CLIENT_ERROR bad command line format"
BAD_FLAG = b"CLIENT_ERROR invalid or duplicate flag"
LONG_OPAQUE = b"CLIENT_ERROR opaque token too long"
MODES = {b"E": b"add", b"A": b"append", b"P": b"prepend", b"R": b"replace", b"S": b"set"}


class Refused(Exception):
    """A request that is answered with this line."""


class Flags:
    """What the flags of one request say."""

    def __init__(self, session, words, first, key):
        self.session, self.version = session, session.version
        self.words = words[first:]
        self.key = key
        self.values = {}
        self.length = -2
        self.error = None
        self.is_refused = False
        seen = set()
        for word in self.words:
            letter = word[:1]
            if letter[0] >= 127 or letter in seen:
                self.error, self.is_refused = b"CLIENT_ERROR duplicate flag", True
                return
            if letter not in self.version.flags:
                self.error, self.is_refused = b"CLIENT_ERROR invalid flag", True
                return
            seen.add(letter)
            self.read(letter, word[1:])
        self.is_refused = self.is_refused or self.error is not None

    def read(self, letter, text):
        items = self.session.items
        value = text
        if letter == b"b":
            self.key = decoded(self.key)
            if not self.key:
                self.error = b"CLIENT_ERROR error decoding key"
        elif letter in b"NTR":
            value = self.signed(text)
            if value is None:
                self.error = b"CLIENT_ERROR bad token in command line format"
            else:
                value = items.expiry(value)
        elif letter == b"F":
            value = self.unsigned(text, 32)
            self.is_refused = self.is_refused or value is None
        elif letter in b"CE":
            value = self.unsigned(text, 64)
            if value is None:
                self.error = b"CLIENT_ERROR bad token in command line format"
        elif letter in b"JD":
            value = self.unsigned(text, 64)
            if value is None:
                self.error = b"CLIENT_ERROR invalid numeric %s value" % (b"initial" if letter == b"J" else b"delta")
        elif letter == b"M":
            if len(text) != 1 and not self.version.is_strict:
                self.error = b"CLIENT_ERROR incorrect length for M token"
            value = text[:1] or b" "
        elif letter == b"S":
            value = self.signed(text)
            if value is None:
                self.is_refused = True
            elif not 0 <= value <= (1 << 31) - 3:
                self.error = b"CLIENT_ERROR invalid length"
            else:
                self.length = value
        self.values[letter] = value

    def signed(self, text):
        return (strict_signed(text) if text else None) if self.version.is_strict else lenient_signed(text)

    def unsigned(self, text, bits):
        if self.version.is_strict:
            return strict_unsigned(text, bits) if text else None
        return lenient_unsigned(text, bits)

    def has(self, letter):
        return letter in self.values

    def get(self, letter, other=0):
        return self.values.get(letter, other)

    @property
    def message(self):
        return self.error or BAD_LINE

    def returned(self, wanted, item=None, created=False, is_binary=None, **known):
        """The flags that an answer gives back, in the order in which they were asked for."""
        out = b""
        for word in self.words:
            letter = word[:1]
            if letter not in wanted:
                continue
            if letter == b"O":
                if len(word) > 32:
                    raise Refused(LONG_OPAQUE)
                out += b" " + word
            elif letter == b"k":
                binary = self.has(b"b") if is_binary is None else is_binary
                key = item.key if item else self.key
                out += b" k" + (base64.b64encode(key) + b" b" if binary else key)
            elif letter == b"T" and item:
                item.exptime = self.get(b"T")
            elif letter == b"N" and item:
                if created:
                    item.exptime = self.get(b"N")
            else:
                out += b" " + letter + self.shown(letter, item, known)
        return out

    def shown(self, letter, item, known):
        now = self.session.items.now
        if letter == b"s":
            return b"%d" % known.get("size", len(item.value))
        if letter == b"t":
            return b"%d" % ((item.exptime - now) & 0xFFFFFFFF) if item.exptime else b"-1"
        return {
            b"c": lambda: b"%d" % known.get("cas", item.cas),
            b"f": lambda: b"%d" % item.flags,
            b"l": lambda: b"%d" % (now - item.time),
            b"h": lambda: b"1" if item.is_fetched else b"0",
        }[letter]()


def run(session, words):
    """Runs one meta command of 1.6.9 to 1.6.21."""
    verb, count = words[0], len(words)
    if verb == b"mn":
        session.reply(b"MN")
        session.send_collected()
    elif verb == b"me":
        debug(session, words)
    elif count < 2:
        session.reply(b"ERROR")
    elif len(words[1]) > 250 or count == 2 and (verb == b"ms" or verb == b"mg" and session.version.mg_needs_flags):
        session.refuse(BAD_LINE)
    elif count > 19:
        session.refuse(b"CLIENT_ERROR options flags are too long" if verb == b"mg" else b"CLIENT_ERROR options flags too long")
    elif verb == b"ms" and not session.version.length_is_flag:
        length = lenient_signed(words[2])
        if length is None or not 0 <= length <= (1 << 31) - 3:
            session.refuse(BAD_LINE)
        else:
            begin_set(session, Flags(session, words, 3, words[1]), length)
    else:
        flags = Flags(session, words, 2, words[1])
        if verb == b"ms":
            begin_set(session, flags, flags.length)
        elif flags.is_refused and verb != b"mg":
            session.refuse(BAD_FLAG)
        else:
            run_flags(session, verb, flags)


def run_flags(session, verb, flags):
    """Runs mg, md or ma."""
    if flags.is_refused:
        session.refuse(flags.message)
        return
    session.is_quiet = flags.has(b"q")
    try:
        {b"mg": get, b"md": delete, b"ma": count}[verb](session, flags)
    except Refused as refusal:
        session.refuse(refusal.args[0])


def answer(session, data, is_nominal):
    """Sends an answer; q leaves out those that were to be expected."""
    if not (session.is_quiet and is_nominal):
        session.send(data)


def get(session, flags):
    version, items = session.version, session.items
    item = items.get(flags.key)
    items.count("cmd_get")
    is_created = item is None and flags.has(b"N")
    if is_created:
        item = Item(flags.key, b"")
        items.link(item, flags.values.get(b"E"))
    if item is None:
        items.count("get_misses")
        repeated = flags.returned(b"Ok") if version.miss_repeats else b""
        answer(session, b"EN" + repeated + b"\r\n", True)
        return
    items.count("get_hits")
    with_value = flags.has(b"v") and not (version.is_strict and flags.has(b"C") and flags.get(b"C") == item.cas)
    status = b"VA %d" % len(item.value) if with_value else version.done
    wins = is_created
    if flags.has(b"R") and not item.is_token_sent and not is_created:
        # Before or behind T makes a difference.
        order = [word[:1] for word in flags.words]
        exptime = flags.get(b"T") if flags.has(b"T") and order.index(b"T") < order.index(b"R") else item.exptime
        wins = exptime != 0 and exptime < flags.get(b"R")
    line = status + flags.returned(b"TNstcflhOk", item, created=is_created, is_binary=item.has_binary_key)
    if item.is_token_sent:
        line += b" Z"
    if item.is_stale:
        line += b" X"
        wins = wins or not item.is_token_sent
    if wins:
        line += b" W"
        item.is_token_sent = True
    if not flags.has(b"u"):
        items.bump(item)
    session.send(line + b"\r\n" + (item.value + b"\r\n" if with_value else b""), [item])


def begin_set(session, flags, length):
    """Reads the line of an ms, then waits for its value or throws it away. `length` is -2 when none was given."""
    version, items = session.version, session.items

    def refuse(message):
        session.refuse(message)
        session.swallow(length)

    if flags.is_refused:
        refuse(flags.message)
        return
    is_quiet = session.is_quiet = flags.has(b"q")
    has_long_opaque = any(word[:1] == b"O" and len(word) > 32 for word in flags.words)
    verb = b"set"
    if flags.has(b"M"):
        verb = MODES.get(flags.get(b"M"))
        if verb is None:
            refuse(b"CLIENT_ERROR invalid mode for ms M token")
            return
    if has_long_opaque:
        refuse(LONG_OPAQUE)
        return
    if version.length_is_flag and version.refuses_own_meta:
        refuse(b"CLIENT_ERROR invalid flag")
        return
    exptime = flags.get(b"T")
    if verb in (b"append", b"prepend") and flags.has(b"N") and version.append_creates:
        verb, exptime = verb + b"+", flags.get(b"N")
    if flags.has(b"C") and verb in (b"set", b"replace"):
        verb = b"cas"
    if length < 0 or is_too_large(flags.key, flags.get(b"F"), length):
        items.delete(flags.key)
        refuse(b"SERVER_ERROR out of memory storing object" if length < 0 else b"SERVER_ERROR object too large for cache")
        return

    def take(value):
        items.count("cmd_set")
        if not value.endswith(b"\r\n"):
            session.refuse(b"CLIENT_ERROR bad data chunk")
            return
        item = Item(flags.key, value[:-2], flags.get(b"F"), exptime)
        item.has_binary_key = flags.has(b"b")
        new_cas = flags.values.get(b"E") or None
        result, held = items.store(verb, item, flags.get(b"C"), flags.has(b"I") and verb == b"cas", new_cas)
        word = {b"STORED": version.done, b"EXISTS": b"EX", b"NOT_FOUND": b"NF", b"NOT_STORED": b"NS"}[result]
        cas = held.cas if result == b"STORED" else 0
        gap = b" " if version.length_is_flag else b""
        returned = flags.returned(version.ms_returns, item, cas=cas, size=len(held.value))
        session.is_quiet = is_quiet
        answer(session, word + gap + returned + b"\r\n", result == b"STORED")

    session.await_value(length, take)


def delete(session, flags):
    version, items = session.version, session.items
    returned = flags.returned(b"Ok")
    item = items.get(flags.key)
    status = version.done
    if item is None:
        status = b"NF"
        items.count("delete_misses")
    elif flags.has(b"C") and (version.md_ignores_cas or item.cas != flags.get(b"C")):
        status = b"EX"
    else:
        if flags.has(b"x"):
            empty = Item(flags.key, b"", flags.get(b"F"), flags.get(b"T"))
            items.link(empty, flags.get(b"E") if flags.has(b"E") else item.cas)
            item = empty
        if flags.has(b"I"):
            if flags.has(b"T"):
                item.exptime = flags.get(b"T")
            item.is_stale, item.is_token_sent = True, False
            item.cas = flags.get(b"E") if flags.has(b"E") else items.next_cas()
        elif not flags.has(b"x"):
            items.delete(flags.key)
        items.count("delete_hits")
    answer(session, status + version.gap + returned + b"\r\n", status == version.done)


def count(session, flags):
    version, items = session.version, session.items
    mode = flags.get(b"M", b"I")
    if mode not in (b"I", b"+", b"D", b"-"):
        raise Refused(b"CLIENT_ERROR invalid mode for ma M token")
    how, text, item = items.add_delta(flags.key, mode in (b"I", b"+"), flags.get(b"D", 1), flags.get(b"C"))
    is_created = how == "missing" and flags.has(b"N")
    if how == "not a number":
        raise Refused(b"CLIENT_ERROR cannot increment or decrement non-numeric value")
    if is_created:
        text = b"%d" % flags.get(b"J")
        item = Item(flags.key, text)
        items.link(item, flags.values.get(b"E"))
    if item is None:
        word = b"NF" if how == "missing" else b"EX"
        session.send(word + version.gap + flags.returned(b"Ok") + b"\r\n")
        return
    if flags.has(b"E"):
        item.cas = items.held[flags.key].cas = flags.get(b"E")
    line = (b"VA %d" % len(text) if flags.has(b"v") else version.done) + flags.returned(b"ctTNOk", item, created=is_created)
    is_nominal = not is_created or version.creation_is_quiet
    answer(session, line + b"\r\n" + (text + b"\r\n" if flags.has(b"v") else b""), is_nominal)


def debug(session, words):
    version, items = session.version, session.items
    if len(words) < 2 and version.me_base64 != "no" or len(words) > 1 and len(words[1]) > 250:
        session.reply(BAD_LINE)
        return
    key = words[1] if len(words) > 1 else b""
    least = {"no": 99, "third word": 3, "fourth word": 4}[version.me_base64]
    if len(words) >= least and words[2] == b"b":
        key = decoded(key)
        if not key:
            session.reply(BAD_LINE)
            return
    item = items.get(key)
    session.reply(b"ME " + debug_line(item, items, version) if item else b"EN")


def debug_line(item, items, version):
    shown = base64.b64encode(item.key) if item.has_binary_key else item.key
    left = item.exptime - items.now if version.is_strict else items.now - item.exptime
    return b"%s exp=%d la=%d cas=%d fetch=%s cls=%d size=%d" % (
        shown,
        left if item.exptime else -1,
        items.now - item.time,
        item.cas,
        b"yes" if item.is_fetched else b"no",
        item.slab_class,
        item.size,
    )
