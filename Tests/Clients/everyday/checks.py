"""How an everyday script reports: one line per check, `ok NAME` or `not ok NAME: what was otherwise`.

A name comes once in a script and in every run of it, so that two runs can be compared line by line.
"""

import sys
import time

names = {}


def unique(name):
    names[name] = names.get(name, 0) + 1
    return name if names[name] == 1 else f"{name} ({names[name]})"


def same(name, got, expected):
    name = unique(name)
    if got == expected and type(got) is type(expected):
        print(f"ok {name}", flush=True)
    else:
        print(f"not ok {name}: got {got!r:.200}, expected {expected!r:.200}", flush=True)


def true(name, got):
    same(name, bool(got), True)


def raises(name, kind, action):
    try:
        got = action()
    except kind:
        true(name, True)
    except Exception as error:
        same(name, error, kind)
    else:
        same(name, got, kind)


def soon(name, holds, seconds=4):
    """What only time brings: the check passes as soon as it holds."""
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)
    true(name, holds())


def part(name, action, *arguments):
    """A run of checks; an exception ends this one only."""
    try:
        action(*arguments)
    except Exception as error:
        same(f"{name} to its end", error, None)
    else:
        true(f"{name} to its end", True)


def port():
    return int(sys.argv[1])


def address():
    return f"127.0.0.1:{port()}"


# Values that a careless reader of the stream trips over.
HARD_VALUES = {
    "empty": b"",
    "line end": b"\r\n",
    "answer": b"END\r\nVALUE a 0 1\r\nx\r\nEND\r\n",
    "zeros": bytes(1000),
    "every byte": bytes(range(256)),
    "full segment": b"s" * 16384,
    "big": bytes(range(256)) * 3900,
}
