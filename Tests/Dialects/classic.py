"""The commands as memcached before 1.6.45 runs them: words between blanks, and C's way with numbers."""

import counters
import letters
import metacommands
from items import Item, is_too_large
from lines import STORES, words_of
from numerals import lenient_signed, lenient_unsigned, strtol

BAD_LINE = b"CLIENT_ERROR bad command line format"
TOO_LARGE = b"SERVER_ERROR object too large for cache"
NOT_A_NUMBER = b"CLIENT_ERROR cannot increment or decrement non-numeric value"
LONGEST_KEY = 250
# Commands about the server itself, of which a fake knows the usual answer only.
ADMINISTRATIVE = {
    b"shutdown": b"ERROR: shutdown not enabled",
    b"slabs": b"OK",
    b"lru": b"OK",
    b"lru_crawler": b"OK",
    b"cache_memlimit": b"OK",
    b"watch": b"OK",
    b"extstore": b"OK",
}


def run(session, words, rest):
    """Runs one line."""
    version = session.version
    verb = words[0] if words else b""
    count = len(words)
    if version.collects_answers and len(verb) < 2:
        session.reply(b"ERROR")
    elif verb in (b"get", b"gets", b"bget") and count >= 2:
        get(session, words, rest, verb == b"gets")
    elif verb in (b"gat", b"gats") and version.gat_words and count >= version.gat_words:
        get_and_touch(session, words, rest, verb == b"gats")
    elif count - STORES.get(verb, 99) in (0, 1):
        store(session, words)
    elif verb in (b"incr", b"decr") and count in (3, 4):
        count_up_or_down(session, words)
    elif verb == b"delete" and 2 <= count <= 4:
        delete(session, words)
    elif verb == b"touch" and count in (3, 4):
        touch(session, words)
    elif verb in metacommands.VERBS and version.meta == "flags":
        metacommands.run(session, words)
    elif verb in letters.VERBS and version.meta == "letters" and count >= letters.VERBS[verb]:
        letters.run(session, words)
    elif verb == b"stats":
        counters.stats(session, words)
    elif verb == b"flush_all" and count <= 3:
        flush_all(session, words)
    elif verb == b"verbosity" and count in (2, 3):
        verbosity(session, words)
    elif verb == b"version" and (version.ignores_extra_words or count == 1):
        session.reply(b"VERSION " + version.name.encode())
    elif verb == b"quit" and (version.ignores_extra_words or count == 1):
        session.quit()
    elif verb in ADMINISTRATIVE and (count > 1 or verb in (b"shutdown", b"watch")):
        session.reply(ADMINISTRATIVE[verb])
    else:
        unknown(session, words)


def unknown(session, words):
    version = session.version
    # 1.6 looks up commands by their first letter, and looks for a browser only behind the rest.
    may_be_http = version.closes_on_http and words and words[-1].startswith(b"HTTP/")
    if may_be_http and (not version.collects_answers or is_looked_up_last(words[0])):
        session.close()
    else:
        session.reply(b"ERROR")


def is_looked_up_last(verb):
    known = (b"replace", b"prepend", b"bget", b"flush_all", b"verbosity", b"lru")
    is_meta = len(verb) == 2 and verb.startswith(b"m")
    return verb not in known and not is_meta and verb[:1] not in (b"g", b"s", b"a", b"c", b"i", b"d", b"t")


def note_noreply(session, words):
    if words[-1] == b"noreply":
        session.is_quiet = True


# MARK: reads


def get(session, words, rest, with_cas):
    send_values(session, words[1:], rest, with_cas, None)


def get_and_touch(session, words, rest, with_cas):
    exptime = lenient_signed(words[1])
    if exptime is None:
        session.reply(b"CLIENT_ERROR invalid exptime argument")
        return
    expiry = session.items.expiry(exptime, session.version.negative_is_past)
    send_values(session, words[2:], rest, with_cas, expiry)


def send_values(session, keys, rest, with_cas, expiry):
    found, shown = [], []
    while True:
        for key in keys:
            if len(key) > LONGEST_KEY:
                session.lose_collected()
                session.reply(BAD_LINE)
                return
            found.append(value_of(session, key, with_cas, expiry, shown))
        if not rest:
            break
        keys, rest = words_of(rest, session.version.most_words)
    session.send(b"".join(found) + b"END\r\n", shown)
    if session.version.get_sends:
        session.send_collected()


def value_of(session, key, with_cas, expiry, shown):
    """The block of a key's value, or nothing; with an expiry, its item gets that. The item goes into `shown`."""
    items = session.items
    item = items.get(key, bumps=True)
    kind = "get" if expiry is None else "touch"
    items.count("cmd_" + kind)
    items.count(kind + ("_misses" if item is None else "_hits"))
    if item is None:
        return b""
    if expiry is not None:
        item.exptime = expiry
    shown.append(item)
    cas = b" %d" % item.cas if with_cas else b""
    return b"VALUE %s %d %d%s\r\n%s\r\n" % (item.key, item.flags, len(item.value), cas, item.value)


# MARK: writes


def store(session, words):
    note_noreply(session, words)
    verb, key = words[:2]
    flags, exptime = lenient_unsigned(words[2], 32), lenient_signed(words[3])
    length = lenient_signed(words[4])
    cas = lenient_unsigned(words[5], 64) if verb == b"cas" else 0
    is_bad = len(key) > LONGEST_KEY or None in (flags, exptime, length, cas)
    if is_bad or not 0 <= length <= (1 << 31) - 3:
        session.reply(BAD_LINE)
        return
    begin_value(session, verb, key, flags, session.items.expiry(exptime), length, cas)


def begin_value(session, verb, key, flags, expiry, length, cas):
    """Waits for the value of a store, or throws it away when it is too large."""
    if not is_too_large(key, flags, length):
        session.await_value(length, lambda value: finish_store(session, verb, Item(key, value[:-2], flags, expiry), value, cas))
        return
    # Before 1.6, what was to happen after an answer was forgotten together with the answer.
    runs_value = session.is_quiet and not session.version.collects_answers
    session.reply(TOO_LARGE)
    if verb == b"set":
        session.items.delete(key)
    if not runs_value:
        session.swallow(length)


def finish_store(session, verb, item, value, cas):
    session.items.count("cmd_set")
    if not value.endswith(b"\r\n"):
        session.reply(b"CLIENT_ERROR bad data chunk")
        return
    result, _ = session.items.store(verb, item, cas)
    session.reply(result)


def count_up_or_down(session, words):
    note_noreply(session, words)
    verb, key = words[:2]
    if len(key) > LONGEST_KEY:
        session.reply(BAD_LINE)
        return
    delta = lenient_unsigned(words[2], 64)
    if delta is None:
        session.reply(b"CLIENT_ERROR invalid numeric delta argument")
        return
    reply_number(session, verb, key, delta)


def reply_number(session, verb, key, delta):
    how, text, _ = session.items.add_delta(key, verb == b"incr", delta)
    session.items.count(verb.decode() + ("_misses" if how == "missing" else "_hits"))
    session.reply({"done": text, "missing": b"NOT_FOUND"}.get(how, NOT_A_NUMBER))


def delete(session, words):
    if len(words) > 2:
        is_zero = words[2] == b"0"
        note_noreply(session, words)
        is_quiet = session.is_quiet
        if not (len(words) == 3 and (is_zero or is_quiet) or len(words) == 4 and is_zero and is_quiet):
            session.reply(BAD_LINE + b".  Usage: delete <key> [noreply]")
            return
    delete_key(session, words[1])


def delete_key(session, key):
    if len(key) > LONGEST_KEY:
        session.reply(BAD_LINE)
    elif session.items.get(key):
        session.items.delete(key)
        session.items.count("delete_hits")
        session.reply(b"DELETED")
    else:
        session.items.count("delete_misses")
        session.reply(b"NOT_FOUND")


def touch(session, words):
    note_noreply(session, words)
    if len(words[1]) > LONGEST_KEY:
        session.reply(BAD_LINE)
        return
    exptime = lenient_signed(words[2])
    if exptime is None:
        session.reply(b"CLIENT_ERROR invalid exptime argument")
        return
    touch_key(session, words[1], session.items.expiry(exptime, session.version.negative_is_past))


def touch_key(session, key, expiry):
    item = session.items.touch(key, expiry)
    session.items.count("cmd_touch")
    session.items.count("touch_hits" if item else "touch_misses")
    session.reply(b"TOUCHED" if item else b"NOT_FOUND")


# MARK: the whole server


def flush_all(session, words):
    note_noreply(session, words)
    session.items.count("cmd_flush")
    if not session.server.may_flush:
        session.reply(b"CLIENT_ERROR flush_all not allowed")
        return
    exptime = 0
    if len(words) != (2 if session.is_quiet else 1):
        exptime = lenient_signed(words[1]) if session.version.checks_delay else strtol(words[1])
        if exptime is None:
            session.reply(b"CLIENT_ERROR invalid exptime argument")
            return
    session.items.flush(exptime)
    session.reply(b"OK")


def verbosity(session, words):
    note_noreply(session, words)
    is_number = lenient_unsigned(words[1], 32) is not None
    session.reply(b"OK" if is_number or not session.version.checks_numbers else BAD_LINE)
