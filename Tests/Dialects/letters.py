"""Meta commands as memcached 1.5.22 runs them: one word of letters, their arguments in the words behind it."""

from items import Item, is_too_large
from metacommands import debug_line
from numerals import lenient_signed, lenient_unsigned

# The fewest words of each.
VERBS = {b"mg": 2, b"ms": 2, b"md": 2, b"mn": 1, b"me": 1}
BAD_LINE = b"CLIENT_ERROR bad command line format"
LONG_OPAQUE = b"CLIENT_ERROR opaque token too long"
KNOWN = b"NTRlOkstcvfhuqFSCI"
WITH_ARGUMENT = b"NTROFSC"


class Refused(Exception):
    """A request that is answered with this line."""


def run(session, words):
    verb = words[0]
    if verb == b"mn":
        session.reply(b"EN")
        return
    if len(words) > 1 and len(words[1]) > 250:
        session.refuse(BAD_LINE)
    elif verb == b"me":
        is_shown = not session.version.refuses_own_meta
        item = session.items.get(words[1] if len(words) > 1 else b"") if is_shown else None
        session.reply(b"ME " + debug_line(item, session.items, session.version) + b"\r\nEN" if item else b"EN")
    elif verb == b"ms" and len(words) == 2:
        session.refuse(BAD_LINE)
    else:
        letters = words[2] if len(words) > 2 else b"sftv" if verb == b"mg" else b""
        if len(letters) > 20:
            are = b"are " if verb == b"mg" else b""
            session.refuse(b"CLIENT_ERROR options flags %stoo long" % are)
            return
        run_letters(session, verb, words, letters)


def run_letters(session, verb, words, letters):
    if any(letters.count(letter) > 1 or letter not in KNOWN for letter in letters):
        expected = -1
    else:
        expected = sum(letter in WITH_ARGUMENT for letter in letters)
    # A wrong letter counts as one argument less, so that it is only told when the count is wrong, too.
    if expected + min(len(words), 3) != len(words):
        session.refuse(b"CLIENT_ERROR invalid or duplicate flag" if expected == -1 else b"CLIENT_ERROR incorrect number of tokens supplied")
        return
    if session.version.refuses_own_meta:
        session.refuse(b"CLIENT_ERROR invalid or duplicate flag")
        return
    session.is_quiet = b"q" in letters
    try:
        {b"mg": get, b"ms": begin_set, b"md": delete}[verb](session, words[1], letters, words[3:])
    except Refused as refusal:
        # Its value, if there is one, is run as commands.
        session.refuse(refusal.args[0])


def get(session, key, letters, arguments):
    items, now = session.items, session.items.now
    arguments = iter(arguments)
    item = items.get(key)
    items.count("cmd_get")
    is_created = item is None and b"N" in letters
    if is_created:
        item = Item(key, b"")
        items.link(item)
    if item is None:
        items.count("get_misses")
        session.reply(b"EN")
        return
    items.count("get_hits")
    marks = (b"X" if item.is_stale else b"") + (b"Z" if item.is_token_sent else b"")
    wins = item.is_stale and not item.is_token_sent
    shown = b""
    for letter in map(chr, letters):
        argument = next(arguments, b"") if letter in "TNRO" else b""
        if letter == "T" or letter == "N" and is_created:
            item.exptime = items.realtime(number(argument, b"CLIENT_ERROR bad tokens in command line format"))
            wins = wins or letter == "N"
        elif letter == "R" and not item.is_token_sent and not is_created and item.exptime:
            wins = wins or item.exptime - now < number(argument, b"CLIENT_ERROR bad tokens in command line format")
        elif letter == "O":
            if len(argument) > 32:
                raise Refused(LONG_OPAQUE)
            shown += b" " + argument
        elif letter in "stcflhk":
            shown += b" " + {
                "s": lambda: b"%d" % len(item.value),
                "t": lambda: b"%d" % ((item.exptime - now) & 0xFFFFFFFF) if item.exptime else b"-1",
                "c": lambda: b"%d" % item.cas,
                "f": lambda: b"%d" % item.flags,
                "l": lambda: b"%d" % (now - item.time),
                "h": lambda: b"1" if item.is_fetched else b"0",
                "k": lambda: item.key,
            }[letter]()
    if wins:
        marks = b"W" + marks
        item.is_token_sent = True
    if b"u" not in letters:
        items.bump(item)
    value = item.value + b"\r\n" if b"v" in letters else b""
    # q stays in force: the next answer, to whatever it is, is left out.
    session.send(b"VA " + marks + letters + shown + b"\r\n" + value + (b"" if session.is_quiet else b"EN\r\n"))


def number(text, message):
    value = lenient_signed(text)
    if value is None:
        raise Refused(message)
    return value


def repeated(session, key, letter, argument):
    if letter == "O" and len(argument) > 32:
        raise Refused(LONG_OPAQUE)
    return b" " + (argument if letter == "O" else key)


def begin_set(session, key, letters, arguments):
    items = session.items
    arguments = iter(arguments)
    values = {"F": 0, "C": 0, "S": 0, "T": 0}
    returned = letters
    for letter in map(chr, letters):
        argument = next(arguments, b"") if letter in "FCSTO" else b""
        if letter in "FT":
            values[letter] = lenient_unsigned(argument, 32)
        elif letter == "C":
            values[letter] = lenient_unsigned(argument, 64)
        elif letter == "S":
            values[letter] = lenient_signed(argument)
        elif letter in "Ok":
            returned += repeated(session, key, letter, argument)
        if values.get(letter, 0) is None:
            raise Refused(BAD_LINE)
    length = values["S"]
    if not 0 <= length <= (1 << 31) - 3:
        raise Refused(BAD_LINE)
    if is_too_large(key, values["F"], length):
        items.delete(key)
        raise Refused(b"SERVER_ERROR object too large for cache")
    verb = b"cas" if b"C" in letters else b"set"

    def take(value):
        items.count("cmd_set")
        if not value.endswith(b"\r\n"):
            session.refuse(b"CLIENT_ERROR bad data chunk")
            return
        item = Item(key, value[:-2], values["F"], items.realtime(values["T"]))
        result, _ = items.store(verb, item, values["C"], b"I" in letters)
        word = {b"STORED": b"ST ", b"EXISTS": b"EX ", b"NOT_FOUND": b"NF ", b"NOT_STORED": b"NS "}[result]
        (session.reply if result == b"STORED" else session.refuse)(word + returned)

    session.await_value(length, take)


def delete(session, key, letters, arguments):
    items = session.items
    # k takes an argument that it does not have: those behind it get the wrong one, and C or T without one ends
    # the process.
    arguments = list(arguments)
    at = cas = 0
    exptime = None
    returned = letters
    for letter in map(chr, letters):
        argument = arguments[at] if at < len(arguments) else None
        if letter in "CTOk":
            at += 1
        if letter in "CT" and argument is None:
            session.server.crash()
            return
        if letter == "C":
            cas = lenient_unsigned(argument, 64)
        elif letter == "T":
            exptime = lenient_unsigned(argument, 32)
        elif letter in "Ok":
            returned += repeated(session, key, letter, argument or b"")
        if cas is None or letter == "T" and exptime is None:
            raise Refused(BAD_LINE)
    item = items.get(key)
    if item is None:
        items.count("delete_misses")
        session.reply(b"NF " + returned)
    elif cas and item.cas != cas:
        session.refuse(b"EX " + returned)
    else:
        items.count("delete_hits")
        if b"I" in letters:
            if exptime is not None:
                item.exptime = items.realtime(exptime)
            item.is_stale, item.is_token_sent, item.cas = True, False, items.next_cas()
        else:
            items.delete(key)
        session.reply(b"DE " + returned)
