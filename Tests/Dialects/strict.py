"""The commands as memcached 1.6.45 runs them: a line is read in place, from its first byte, with strict numbers.

It checks fewer things than the versions before it (words too many are ignored), and refuses other things otherwise:
the line of a store that it refuses takes its value with it, if the value's length could be read.
"""

import classic
import counters
import metacommands
from lines import strict_words
from metacommands import Flags
from numerals import lenient_signed, lenient_unsigned, strict_signed, strict_unsigned

BAD_LINE = b"CLIENT_ERROR bad command line format"
# The fewest words of the commands with keys.
FEWEST = {
    b"get": 2, b"gets": 2, b"gat": 3, b"gats": 3, b"set": 5, b"add": 5, b"replace": 5, b"append": 5, b"prepend": 5, b"cas": 5,
    b"incr": 3, b"decr": 3, b"touch": 3, b"delete": 2, b"mg": 2, b"ms": 3, b"md": 2, b"ma": 2, b"me": 2,
}  # fmt: skip
LATER = {b"flush_all", b"verbosity", *classic.ADMINISTRATIVE} - {b"watch"}


def run(session, line):
    text = line[:-2] if line.endswith(b"\r\n") else line[:-1]
    verb = text.partition(b" ")[0]
    if len(line) < 4:
        session.reply(BAD_LINE)
        return
    words = strict_words(text)
    if verb in FEWEST:
        run_with_key(session, verb, text, words)
    elif verb == b"mn":
        session.reply(b"MN")
        session.send_collected()
    elif verb == b"version":
        session.reply(b"VERSION " + session.version.name.encode())
    elif verb == b"quit":
        session.quit()
    elif verb == b"stats":
        counters.stats(session, [word for word, _ in words])
    elif verb == b"watch":
        session.reply(b"OK")
    else:
        run_later(session, [word for word, _ in words])


def run_later(session, words):
    """Commands that are looked up by their first word, wherever on the line it stands."""
    if words and words[-1] == b"noreply":
        session.is_quiet = True
    verb = words[0] if words else b""
    if verb == b"flush_all":
        flush_all(session, words)
    elif verb == b"verbosity":
        is_number = len(words) > 1 and strict_unsigned(words[1], 32) is not None
        session.reply(b"OK" if is_number else BAD_LINE)
    elif verb in LATER:
        session.reply(b"SERVER_ERROR: shutdown not enabled" if verb == b"shutdown" else b"OK")
    elif len(words) > 1 and words[-1].startswith(b"HTTP/"):
        session.close()
    else:
        session.reply(b"ERROR")


def flush_all(session, words):
    session.items.count("cmd_flush")
    if not session.server.may_flush:
        session.reply(b"CLIENT_ERROR flush_all not allowed")
        return
    exptime = 0
    if len(words) != (2 if session.is_quiet else 1):
        exptime = strict_signed(words[1]) if len(words) > 1 else None
        if exptime is None:
            session.reply(b"CLIENT_ERROR invalid exptime argument")
            return
    session.items.flush(exptime)
    session.reply(b"OK")


def run_with_key(session, verb, text, words):
    texts = [word for word, _ in words]
    if verb.startswith(b"m") and len(verb) == 2:
        first = 3 if verb == b"ms" else 2
        if not all(is_letter_or_digit(word[0]) for word in texts[first:]):
            session.reply(BAD_LINE)
            return
    if len(words) < FEWEST[verb]:
        session.reply(BAD_LINE)
    elif verb in (b"get", b"gets"):
        session.is_quiet = texts[-1] == b"noreply"
        send_values(session, text[words[1][1] :].split(b" "), verb == b"gets", None)
    elif verb in (b"gat", b"gats"):
        exptime = strict_signed(texts[1])
        if exptime is None:
            session.reply(b"CLIENT_ERROR invalid exptime argument")
        else:
            send_values(session, text[words[2][1] :].split(b" "), verb == b"gats", session.items.expiry(exptime))
    elif verb in classic.STORES:
        store(session, text, words)
    elif verb.startswith(b"m") and len(verb) == 2:
        run_meta(session, verb, texts)
    else:
        session.is_quiet = texts[-1] == b"noreply"
        run_simple(session, verb, texts)


def is_letter_or_digit(byte):
    return 64 < byte < 123 or 48 <= byte < 58


def send_values(session, keys, with_cas, expiry):
    found, shown = [], []
    for key in keys:
        if not key:
            continue
        if len(key) > classic.LONGEST_KEY:
            session.lose_collected()
            # The line that was to be said is said with its end, and another end behind it; noreply is not heeded.
            session.send(BAD_LINE + (b"\r\n\r\n" if session.version.loses_answers else b"\r\n"))
            return
        found.append(classic.value_of(session, key, with_cas, expiry, shown))
    session.send(b"".join(found) + b"END\r\n", shown)


def store(session, text, words):
    texts = [word for word, _ in words]
    length = strict_signed(texts[4])
    if length is None or not 0 <= length <= (1 << 31) - 3:
        session.reply(BAD_LINE)
        return
    session.is_quiet = texts[-1] == b"noreply"
    verb, key = texts[:2]
    # Flags and time are read by C's strtol, which skips blanks: so it may find its number in the next word.
    flags = lenient_unsigned(text[words[2][1] :], 32)
    exptime = lenient_signed(text[words[3][1] :])
    cas = 0
    if verb == b"cas":
        cas = strict_unsigned(texts[5], 64) if len(texts) > 5 else None
    if len(key) > classic.LONGEST_KEY or None in (flags, exptime, cas):
        session.reply(BAD_LINE)
        session.swallow(length)
        return
    classic.begin_value(session, verb, key, flags, session.items.expiry(exptime), length, cas)


def run_simple(session, verb, words):
    key = words[1]
    if verb == b"delete":
        classic.delete_key(session, key)
    elif len(key) > classic.LONGEST_KEY:
        session.reply(BAD_LINE)
    elif verb == b"touch":
        exptime = strict_signed(words[2])
        if exptime is None:
            session.reply(b"CLIENT_ERROR invalid exptime argument")
        else:
            classic.touch_key(session, key, session.items.expiry(exptime))
    else:
        delta = strict_unsigned(words[2], 64)
        if delta is None:
            session.reply(b"CLIENT_ERROR invalid numeric delta argument")
        else:
            classic.reply_number(session, verb, key, delta)


def run_meta(session, verb, words):
    if verb == b"me":
        metacommands.debug(session, words)
        return
    length = strict_signed(words[2]) if verb == b"ms" else 0
    if length is None or not 0 <= length <= (1 << 31) - 3:
        session.reply(BAD_LINE)
        return
    flags = Flags(session, words, 3 if verb == b"ms" else 2, words[1])
    if len(words[1]) > classic.LONGEST_KEY:
        flags.error, flags.is_refused = BAD_LINE, True
    elif len(words) > 20:
        flags.error, flags.is_refused = b"CLIENT_ERROR options flags are too long", True
    if verb == b"ms":
        metacommands.begin_set(session, flags, length)
    elif verb == b"ma" and flags.is_refused:
        session.refuse(metacommands.BAD_FLAG)
    else:
        metacommands.run_flags(session, verb, flags)
