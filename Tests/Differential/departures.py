"""Where ringroad answers otherwise than memcached, and why: the only table of it.

docs/PROTOCOL.md tells the same. Every departure has examples, which are played on every run: one that
memcached does not contradict is none, and fails.
"""

import base64
import re
from dataclasses import dataclass
from typing import Callable

from sequence import Sequence

LINES = re.compile(rb"[^\n]*\n?")
HTTP = rb"GET|POST|PUT|DELETE|HEAD|OPTIONS|PATCH|CONNECT|TRACE|Host:"
ADMINISTRATIVE = (
    rb"shutdown|slabs|lru|lru_crawler|cache_memlimit|watch|extstore|refresh_certs|debugtime|debugitem|misbehave"
)


@dataclass(frozen=True)
class Departure:
    name: str
    reason: str
    # Whether a sequence may be answered otherwise for this reason.
    covers: Callable[[Sequence], bool]
    # A stream, and what ringroad answers to it where memcached answers something else.
    examples: tuple
    # The answers are mostly the same; a difference that a replay does not show is excused.
    is_rare: bool = False
    # The versions of memcached that it is seen beside: from the one on, before the other.
    since: tuple = (0,)
    before: tuple = (99,)


def departures(version):
    return [one for one in DEPARTURES if one.since <= version < one.before]


def has_long_line(sequence):
    long = (line for line in LINES.findall(sequence.lines) if len(line) > 2048)
    return any(not sequence.is_framed or not re.match(rb" *(?:get|gat)s? ", line) for line in long)


def has(pattern):
    found = re.compile(pattern, re.M)
    return lambda sequence: found.search(sequence.lines) is not None


def beginnings(*names):
    """A pattern of all that these begin with, but for themselves."""
    return b"|".join(name[:length] for name in names for length in range(len(name) - 1, 0, -1))


# A number that is counted, then has something put behind it, then is counted again.
APPENDED_NUMBER = re.compile(rb"(?:incr|decr|ma) +([^ \r\n]+).*\n.*(?:append|ms) +\1 .*\n.*(?:incr|decr|ma) +\1[ \r\n]", re.S)

STORES = rb"(?:set|add|replace|append|prepend|cas)"
STORE = STORES + rb" +[^ \n]+ +[^ \n]+ +[^ \n]+ +"
BLANK_VALUES = [
    re.compile(STORE + rb"[-+\t\v\f]*0+[^1-9]"),
    re.compile(rb"(?:" + STORE + rb"|ms +[^ \n]+ +)[^\n]*\n[ \t\r\n]+\n"),
    re.compile(rb"ms +[^ \n]+ +[-+\t\v\f]*0+[^1-9]"),
]
HUGE = re.compile(rb"\d{19}")
SIZES = re.compile(rb"(?:" + STORE + rb"|ms +[^ \n]+ +)[^- 0-9\n]*(-?\d+)")


has_too_long_key = has(rb"(?:^|[ ])(?:gets?|gats?|bget) [^\n]*[^ \r\n]{251}")


def ends_in_large_value(sequence):
    # Lengths are cut to 32 bits, as memcached does.
    sizes = [int(size) & 0xFFFFFFFF for size in SIZES.findall(sequence.everything)]
    return not sequence.is_framed and any(len(sequence.everything) <= size < 1 << 31 for size in sizes if size > 1_000_000)


def names_blank_key(verb, letters, line):
    """Whether it is that command with these flags, and a key in base64 that holds a blank or a control byte."""
    words = [word for word in line.rstrip(b"\r\n").split(b" ") if word]
    try:
        flags = {word[:1] for word in words[2:]}
        blank = words[0] == verb and b"b" in flags and min(base64.b64decode(words[1])) <= 32
        return blank and {bytes([letter]) for letter in letters} <= flags
    except (IndexError, ValueError):
        return False


def shows_blank_key(sequence):
    lines = LINES.findall(sequence.lines)
    makes = any(names_blank_key(b"mg", b"N", line) for line in lines)
    return any(names_blank_key(b"me", b"", line) or (makes and names_blank_key(b"mg", b"k", line)) for line in lines)


def is_counting_with(letters, line):
    """Whether it is an ma with all these flags."""
    words = [word for word in line.rstrip(b"\r\n").split(b" ") if word]
    return words[:1] == [b"ma"] and set(letters) <= {word[0] for word in words[2:]}


def counts_blanks(sequence):
    whole = b"".join(sequence.setup) + sequence.stream
    return re.search(rb"incr|decr|ma ", whole) and any(pattern.search(whole) for pattern in BLANK_VALUES)


DEPARTURES = [
    Departure(
        "ambiguous",
        "a NUL on the line of anything but get and gets, or a CR in a key or in a text flag: two readers could see the "
        "line's end in two places, so nothing of it is passed on",
        has(rb"\0|\r(?!\n)"),
        (
            (b"incr a\0b 1\r\n", b"CLIENT_ERROR bad command line format\r\n"),
            (b"delete a\rb\r\n", b"CLIENT_ERROR bad command line format\r\n"),
        ),
    ),
    Departure(
        "administrative",
        "a command that acts on one server as a whole has no meaning for a cluster: refused by name",
        has(rb"(?:^|[ ])(?:" + ADMINISTRATIVE + rb")(?:[ \r]|$)"),
        ((b"slabs automove 1\r\n", b"CLIENT_ERROR ringroad does not pass this command on: ask the server itself\r\n"),),
    ),
    Departure(
        "browser",
        "a line that begins as HTTP does: the connection is closed at once, so that no web page can make a "
        "browser write to the cache",
        has(rb"(?:^|[ ])(?:" + HTTP + rb")(?:[ \r]|$)|HTTP/"),
        ((b"GET /\r\n", b""), (b"Host: localhost\r\nset a 0 0 1\r\nx\r\n", b"")),
    ),
    Departure(
        "long line",
        "a line of more than 2,048 bytes that is no read: memcached takes it when it comes in one segment and hangs "
        "up when it does not; ringroad always hangs up, and never for gat and gats",
        has_long_line,
        ((b"touch k" + b" " * 2100 + b"1\r\n", b""),),
    ),
    Departure(
        "dropped answers",
        "memcached forgets the answers to earlier requests of the same segment when a read's key is too long; "
        "ringroad gives them",
        lambda sequence: sequence.mode != "steps" and has_too_long_key(sequence),
        ((b"verbosity 0\r\nget " + b"k" * 251 + b"\r\n", b"OK\r\nCLIENT_ERROR bad command line format\r\n"),),
    ),
    Departure(
        "binary protocol",
        "a connection whose first byte is 0x80 speaks memcached's binary protocol, which memcached itself "
        "has deprecated; ringroad does not speak it and hangs up, so that the client does not wait",
        lambda sequence: not sequence.setup and sequence.stream[:1] == b"\x80",
        # What follows it here is no binary request, and memcached hangs up with its answer unsent.
        (),
    ),
    Departure(
        "TLS",
        "a connection that begins as TLS does: memcached waits for the end of a line that may never come",
        lambda sequence: not sequence.setup and sequence.stream[:2] == b"\x16\x03",
        ((b"\x16\x03\x01\x02\x00\x01" + b"t" * 60 + b"\r\n", b""),),
    ),
    Departure(
        "statistics",
        "the counters of several servers become one: Sources/Stats/MergeTable.swift has the rules",
        has(rb"(?:^|[ ])stats *(?:\r?$| (?:items|slabs|sizes|settings|conns|servers|ringroad|proxy|extstore)\b)|stats +(?:detail +dump|cachedump +[^ ]*\d +[^ ]*\d)"),
        ((b"stats\r\n", b"STAT "),),
    ),
    Departure(
        "unfinished large value",
        "a client that ends within a value too large for a server: memcached has judged by the line, answered, and "
        "forgotten the key's old value; ringroad may not have sent the line yet, and then never does",
        ends_in_large_value,
        (),
    ),
    Departure(
        "blank number",
        "incr and decr of a value that is empty or all blanks: memcached reads on into the memory behind it, so "
        "that no two memcacheds answer alike",
        counts_blanks,
        (),
    ),
    Departure(
        "huge number",
        "incr and decr of a number of 2^63 or more: memcached looks for a minus in the memory behind the value, too, "
        "and calls it non-numeric when it finds one there",
        lambda sequence: re.search(rb"incr|decr|ma ", sequence.stream) is not None
        and HUGE.search(b"".join(sequence.setup) + sequence.stream) is not None,
        (),
        is_rare=True,
    ),
    Departure(
        "held value",
        "ma with T while the answer to an earlier read holds the value: memcached counts on in a copy and sets the "
        "time of the old one; and a number that became shorter has blanks behind it or not, so that it is one or not "
        "with something appended; how long a value is held is a matter of time",
        lambda sequence: any(is_counting_with(b"T", line) for line in LINES.findall(sequence.lines))
        or APPENDED_NUMBER.search(sequence.lines) is not None,
        (),
    ),
    Departure(
        "refused halfway",
        "an opaque that is too long, or the second key of a gat: memcached has touched, made or taken an item by the "
        "time that it sees; ringroad says the same and does nothing",
        has(rb"(?:^|[ ])(?:m[gsda] [^\n]* O[^ \r\n]{32}|gats? [^\n]*[^ \r\n]{251})"),
        ((b"mg k N0 v O" + b"o" * 32 + b"\r\nget k\r\n", b"CLIENT_ERROR opaque token too long\r\nEND\r\n"),),
    ),
    Departure(
        "hidden key",
        "a key in base64 that holds a blank, a line end or a NUL: memcached prints it raw in answer to me, and to mg "
        "with k when mg with N made it, and it could forge a line; ringroad says of the one that it is there and writes base64 in the other",
        shows_blank_key,
        (
            (
                b"ms IA== 1 b\r\nx\r\nme IA== b b\r\n",
                b"HD\r\nCLIENT_ERROR ringroad does not show keys that hold a blank, a line end or a NUL\r\n",
            ),
        ),
    ),
    Departure(
        "blank word",
        "a word of nothing but tabs and the like where set wants flags or a time: memcached reads the number behind it "
        "for it; ringroad finds no number there",
        has(rb"(?:^|[ ])" + STORES + rb" +[^ \n]+ +(?:[\t\v\f\r]+ |[^ \n]+ +[\t\v\f\r]+ )"),
        ((b"set k \t 0 1\r\nx\r\n", b"CLIENT_ERROR bad command line format\r\n"),),
        since=(1, 6, 40),
    ),
    Departure(
        "empty line",
        "a read with a key that is too long: memcached writes an empty line behind what it says, or in its place when the "
        "line ends in noreply; ringroad writes none",
        has_too_long_key,
        (
            (b"get " + b"k" * 251 + b"\r\n", b"CLIENT_ERROR bad command line format\r\nEND\r\n"),
            (b"get " + b"k" * 251 + b" noreply\r\n", b"CLIENT_ERROR bad command line format\r\nEND\r\n"),
        ),
        since=(1, 6, 40),
    ),
    Departure(
        "stats by its beginning",
        "stats and the beginning of a name: memcached takes it for the first name that begins so; ringroad knows names "
        "only as a whole, and merges the answers as counters",
        has(rb"(?:^|[ ])stats +(?:" + beginnings(b"reset", b"detail", b"settings", b"cachedump", b"conns") + rb")(?:[ \r]|$)"
            rb"|stats +detail +(?:" + beginnings(b"on", b"off", b"dump") + rb")(?:[ \r]|$)"),
        ((b"stats re\r\n", b"SERVER_ERROR ringroad: 1 of 1 servers did not answer\r\n"),),
        since=(1, 6, 40),
    ),
    Departure(
        "foreign cas number",
        "the cas number of another key: each server counts for itself, so that behind a proxy it may be this key's by "
        "chance",
        has(rb"(?:^|[ ])(?:cas|m[gsda]) +([^ \n]+) [^\n]*\{cas:(?!\1\})"),
        (),
        is_rare=True,
    ),
    Departure(
        "delayed flush",
        "flush_all with a delay takes back the flush before it: memcached shows again what was flushed and whose memory "
        "was not used since",
        has(rb"flush_all +[^\r\n]*[1-9]"),
        (),
        is_rare=True,
    ),
]


def covering(sequence, version):
    """The departures that a sequence may fall under beside that memcached."""
    return [one for one in departures(version) if one.covers(sequence)]
