"""Requests that are wrong in one way each: every command, every word of it, everything that may stand there.

A table rather than seeds: what it covers is known, and the same on every run. Each is played as it stands and in
one piece with a request before it; what follows it tells where the stream went on.
"""

from sequence import Sequence

SETUP = (b"set k 5 0 1\r\nv\r\n", b"set n 0 0 2\r\n10\r\n", b"set noreply 0 0 1\r\nq\r\n")
# A command, its words, and its value. Words in capitals stand for what is replaced.
COMMANDS = [
    (b"get KEY", None), (b"gets KEY", None), (b"bget KEY", None), (b"get KEY n", None), (b"gets n KEY", None),
    (b"gat TIME KEY", None), (b"gats TIME KEY", None),
    (b"set KEY NUM TIME SIZE", b"x"), (b"add KEY NUM TIME SIZE", b"x"), (b"replace KEY NUM TIME SIZE", b"x"),
    (b"append KEY NUM TIME SIZE", b"x"), (b"prepend KEY NUM TIME SIZE", b"x"), (b"cas KEY NUM TIME SIZE NUM", b"x"),
    (b"delete KEY", None), (b"incr KEY NUM", None), (b"decr KEY NUM", None), (b"touch KEY TIME", None),
    (b"mg KEY", None), (b"ms KEY SIZE", b"x"), (b"md KEY", None), (b"ma KEY", None), (b"me KEY", None), (b"mn", None),
    (b"version", None), (b"verbosity NUM", None), (b"flush_all TIME", None), (b"stats reset", None), (b"stats detail off", None),
    (b"stats cachedump NUM", None), (b"quit", None), (b"nonsense KEY", None),
]  # fmt: skip
PLAIN = {b"KEY": b"k", b"NUM": b"1", b"TIME": b"0", b"SIZE": b"1"}
KEYS = [
    b"k" * 250, b"k" * 251, b"k" * 300, b"a\x01b", b"a\tb", b"\x7f", b"\xc3\xa9\xff", b"a\0b", b"a\rb", b"noreply", b"0", b"-1", b"k\v",
]  # fmt: skip
NUMBERS = [
    b"x", b"-1", b"-0", b"+1", b"01", b"1x", b"0x1", b"1.5", b"1\t", b"\t1", b"\v", b"-", b"+", b"--1", b"4294967295", b"4294967296",
    b"2147483647", b"2147483648", b"-2147483649", b"9223372036854775807", b"9223372036854775808", b"18446744073709551615",
    b"18446744073709551616", b"-9223372036854775809", b"noreply", b"\0", b"1\0",
]  # fmt: skip
META_FLAGS = [
    b"I", b"T0", b"T30", b"T-1", b"T", b"Tx", b"N0", b"N30", b"N", b"Nx", b"R30", b"R", b"Rx", b"D5", b"D", b"Dx", b"D-1", b"J5", b"J",
    b"Jx", b"C0", b"C1", b"C", b"Cx", b"C-1", b"F5", b"F", b"Fx", b"F-1", b"M", b"MX", b"MSS", b"MS", b"ME", b"MA", b"MP", b"MR", b"MI",
    b"MD", b"M+", b"M-", b"ms", b"S", b"S1", b"Sx", b"v", b"k", b"f", b"t", b"h", b"l", b"s", b"c", b"b", b"q", b"O", b"O1", b"O" + b"o" * 31,
    b"O" + b"o" * 32, b"L1", b"P1", b"W", b"X", b"Z", b"z", b"1", b"-", b"\xff", b"vv", b"v v", b"k k", b"O1 O2", b"q q", b"I I",
]  # fmt: skip
META_PAIRS = [
    b"N30 v", b"N30 v t", b"N30 q", b"R30 v", b"R30 v t", b"I T30", b"I C1", b"I C1 T30", b"T30 v t", b"q O1", b"q k", b"q v", b"MA N30", b"MP N30",
    b"MA v", b"ME c", b"MR k O1", b"N0 J5", b"N0 J5 v", b"N0 J5 q", b"MD N0 J5", b"MD D50 v", b"v t c", b"C1 v", b"b k", b"b v", b"h l t s v",
    b"k v f c O77", b"I MS", b"I q", b"S1 v", b"q C1", b"Tx O1", b"F1 T0 I MS c k",
]  # fmt: skip
STALE = [
    # Invalidated, then won, told again, stored anew: W, X and Z.
    (b"md k I T30\r\n", b"mg k v\r\n", b"mg k v\r\n", b"ms k 1 T0\r\nw\r\n", b"mg k v\r\n"),
    (b"md k I\r\n", b"mg k s v\r\n", b"ms k 2 I C1\r\nab\r\n", b"mg k v\r\n", b"mg k v\r\n"),
    (b"mg new N30 v\r\n", b"mg new v\r\n", b"mg new v q\r\n", b"ms new 1\r\nz\r\n", b"mg new v\r\n"),
    (b"set r 0 5 1\r\nr\r\n", b"mg r R30 v\r\n", b"mg r R30 v\r\n", b"mg r v\r\n", b"touch r 100\r\n", b"mg r R30 v\r\n"),
    (b"md k I T-1\r\n", b"mg k v\r\n"), (b"md k q I\r\n", b"mg k q v\r\n", b"mg k q v\r\n", b"mn\r\n"),
    (b"ms k 1 C{cas:k} I\r\nx\r\n", b"mg k v\r\n"), (b"gets k\r\n", b"ms k 1 C{cas:k}\r\nx\r\n", b"mg k v\r\n", b"ms k 1 C{cas:k} I\r\ny\r\n", b"mg k v\r\n"),
    # Barriers, and both protocols in one stream.
    (b"mg no q\r\nmg k q v\r\nmn\r\nms k 1 q\r\na\r\nmd no q\r\nmn\r\n",),
    (b"get k\r\nmg k v\r\nset k 0 0 1 noreply\r\nb\r\nmg k v q\r\ngets k n\r\nma n v\r\nincr n 1\r\nmn\r\n",),
    (b"md k q\r\nmd k q\r\nmg k q\r\nma k q\r\nms k 1 q ME\r\nx\r\nms k 1 q ME\r\ny\r\nmn\r\nget k\r\n",),
    (b"mn\r\nmn extra words\r\nmn\n",), (b"ma k\r\nma k q\r\nma n D5 MD v\r\nma n D50 MD v\r\nma none N30 J7 v\r\nma none v\r\n",),
    # Where a value goes on that is not as long as was said.
    (b"ms k 3\r\nabcd\r\n",), (b"ms k 3\r\nab\r\n",), (b"ms k 0\r\n\r\n",), (b"ms k 3 q\r\nabcd\r\nmn\r\n",), (b"ms k 3 MX\r\nabc\r\n",),
    (b"ms k 3 O" + b"o" * 32 + b"\r\nabc\r\n",), (b"ms k abc\r\nabc\r\n",), (b"ms k -1\r\nabc\r\n",), (b"ms k 2 b\r\nab\r\n",), (b"ms k\r\n",),
    (b"set k 0 0 3\r\nabcd\r\nget k\r\n",), (b"set k 0 0 3 noreply\r\nabcd\r\nget k\r\n",), (b"set k 0 0 -3\r\nabc\r\n",),
    (b"set k 0 0 1048577\r\n" + b"x" * 1048577 + b"\r\nget k\r\n",), (b"add k 0 0 1048577\r\n" + b"x" * 1048577 + b"\r\nget k\r\n",),
    (b"ms k 1048577 MA\r\n" + b"x" * 1048577 + b"\r\nget k\r\n",), (b"cas k 0 0 1048577 1\r\n" + b"x" * 1048577 + b"\r\nget k\r\n",),
]  # fmt: skip
DELETES = [
    b"0", b"noreply", b"0 noreply", b"1", b"00", b"+0", b"-0", b"1 noreply", b"0 0", b"noreply 0", b"noreply noreply", b"0 noreply x", b"x",
    b"NOREPLY", b"0 noreplyx", b"0  noreply ",
]  # fmt: skip
STREAMS = [
    b"\r\n", b"\n", b"\r\r\n", b" \r\n", b"   \n", b"\0\r\n", b"\x01\r\n", b"\x7f\r\n", b"\xff\xfe\r\n", b"*1\r\n$4\r\nPING\r\n", b"PING\r\n", b"AUTH x\r\n",
    b"STARTTLS\r\n", b"GETS k\r\n", b"Get k\r\n", b"get\r\n", b"get \r\n", b"gets\r\n", b"set\r\n", b"g k\r\n", b"m k\r\n", b"mq k\r\n", b"mgx k\r\n",
    b"m\r\n", b"ge k\r\n", b"getk\r\n", b"get\tk\r\n", b"noreply\r\n", b"delete noreply\r\n", b"incr noreply noreply\r\n", b"stats detail\r\n",
    b"stats detail x\r\n", b"stats cachedump\r\n", b"stats cachedump 1\r\n", b"stats cachedump 64 1\r\n", b"stats cachedump 1 x\r\n",
    b"stats nonsense\r\n", b"flush_all x\r\n", b"flush_all noreply\r\n", b"flush_all x noreply\r\n", b"flush_all 0 0 0\r\n", b"flush_all -1\r\n",
    b"verbosity\r\n", b"verbosity x\r\n", b"verbosity 1 noreply\r\n", b"verbosity x noreply\r\n", b"version noreply\r\n", b"\x80\r\n",
    b"mn\r\n\x80\x0b\0\0\r\n", b"get k" + b" " * 2000 + b"\r\n", b"get" + b" " * 2030 + b"k\r\n", b" " * 90 + b"get k\r\n", b"delete k" + b" " * 2000 + b"\r\n",
    b"set k 0 0" + b" " * 2000 + b"1\r\nx\r\n", b"mg k" + b" " * 2000 + b"v\r\n", b"mg k" + b" v" * 30 + b"\r\n", b"get" + b" k" * 30 + b"\r\n",
    b"gat 0" + b" k" * 30 + b"\r\n", b"gat x k\r\n", b"gat 0\r\n", b"gats\r\n", b"ms k 1" + b" k" * 20 + b"\r\nx\r\n",
]  # fmt: skip


def spelled(words, value, ending=b"\r\n"):
    line = b" ".join(PLAIN.get(word, word) for word in words) + ending
    return line + (value + b"\r\n" if value is not None else b"")


def lasting(number):
    """A second may be over before the next look where the clock ticks a moment earlier: a hundred, written as oddly."""
    return number.replace(b"1", b"100") if number.strip(b"+0x.5\t\0") == b"1" else number


def wrongs(line, value):
    """The command as it should be, then wrong in one way each."""
    words = line.split(b" ")
    yield spelled(words, value)
    yield spelled(words, value, b"\n")
    yield spelled([b"", b""] + words + [b"", b""], value)
    yield spelled([words[0].upper()] + words[1:], value)
    yield spelled([words[0] + b"x"] + words[1:], value)
    for tail in ([b"noreply"], [b"extra"], [b"noreply", b"noreply"], [b"extra", b"noreply"], [b"norepl"], [b"q"], [b"0"]):
        yield spelled(words + tail, value)
    for i in range(1, len(words)):
        yield spelled(words[:i] + words[i + 1 :], value)
        yield spelled(words[:i] + words[i + 1 :] + [b"noreply"], value)
        odds = KEYS if words[i] == b"KEY" else NUMBERS if words[i] in PLAIN else []
        if words[i] == b"TIME" and words[0] != b"flush_all":
            odds = [lasting(odd) for odd in odds]
        for odd in odds:
            yield spelled(words[:i] + [odd] + words[i + 1 :], value)
            yield spelled(words[:i] + [odd] + words[i + 1 :] + [b"noreply"], value)
    if value is not None:
        for wrong in (b"", b"xy", b"x\r", b"x\n", b"xyz"):
            yield spelled(words, wrong)
            yield spelled(words + [b"noreply"], wrong)


def meta():
    for verb, words, value in [(b"mg", b"k", None), (b"mg", b"none", None), (b"ms", b"k 1", b"x"), (b"md", b"k", None),
                               (b"ma", b"n", None), (b"ma", b"none", None), (b"me", b"k", None)]:  # fmt: skip
        for flags in META_FLAGS + META_PAIRS:
            yield b" ".join([verb, words, flags]) + b"\r\n" + (value + b"\r\n" if value else b"")


def corners():
    """All of the table, as sequences."""
    streams = [one for line, value in COMMANDS for one in wrongs(line, value)]
    streams += [b"delete k " + words + b"\r\n" for words in DELETES] + STREAMS + list(meta())
    requests = [(stream,) for stream in streams] + STALE
    for number, one in enumerate(requests):
        yield Sequence(number, setup=SETUP, requests=one + (b"mg k v f\r\n",))
        yield Sequence(number, setup=SETUP, requests=(b"mn\r\n",) + one + (b"gets k n\r\n",), mode="steps")
