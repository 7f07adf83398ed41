"""Plays every recorded row through ringroad over three servers of one version, and tells what is answered otherwise."""

import collections
import re

from departures_of_rows import excuse_of_row
from dialects import FakeMemcached
from fleet import Fleet, ask_all, fakes_of
from recording import CLOSED, LAST, masked
from session import Session
from versions import VERSIONS, through_proxy

OWN_WORDS = re.compile(rb"(?:CLIENT|SERVER)_ERROR ringroad\b")
NAME = re.compile(rb"k3\d{5}\S*|[A-Za-z0-9+/]{12,}=*")
AGREES = "as the version"
DECLARED = "as the version, but for what is refused and thrown away on purpose"
OWN = "in words of ringroad's own"
RUN = "FAULT: the body of a value was run as commands"
UNLIKE = "FAULT: otherwise"


class Model:
    """What a client shall see: a fake that answers as the version, with ringroad's departures, without any network."""

    def __init__(self, version, swallows=True):
        self.server = FakeMemcached(version)
        self.server.listener.close()
        self.server.version = through_proxy(VERSIONS[version], swallows)
        self.server.items.version = self.server.version

    def answer(self, data):
        session = Session(self.server)
        return session.feed(data)


def is_in_own_words(answer, wanted):
    """Whether it is that answer, with lines of ringroad's own in place of some refusals."""
    lines, wanted_lines = answer.split(b"\r\n"), wanted.split(b"\r\n")
    if len(lines) != len(wanted_lines):
        return False
    return all(a == b or OWN_WORDS.match(a) and b"ERROR" in b for a, b in zip(lines, wanted_lines))


def play_rows(binary, version, all_rows, show):
    """Prints how many rows are answered how, and gives the number of faults."""
    causes = collections.Counter()
    unlike = collections.defaultdict(list)
    model = Model(version)
    with Fleet(binary, fakes_of([version] * 3)) as fleet:
        for row in all_rows:
            # The client ends its side behind each row, so that a server that hangs up looks like one that waits.
            recorded = masked(row.answers[version]).removesuffix(CLOSED)
            wanted = masked(model.answer(row.request + LAST))
            answer = masked(ask_all(fleet.port, row.request + LAST))
            cause = cause_of(row, answer, recorded, wanted)
            causes[cause] += 1
            if cause.startswith("FAULT"):
                unlike[cause, difference(row, answer, wanted)].append((row, answer, wanted))
        broken = fleet.count("integrity_failures")
        if not fleet.ringroad.is_alive or not all(fake.thread.is_alive() for fake in fleet.fakes):
            causes["FAULT: a process ended"] += 1
    faults = sum(count for cause, count in causes.items() if cause.startswith("FAULT"))
    print(f"{version}: {len(all_rows) - faults} of {len(all_rows)} rows right, {faults} wrong; integrity_failures {broken}")
    for cause, count in causes.most_common():
        print(f"    {count:5} {cause}")
    for (cause, what), those in sorted(unlike.items(), key=lambda one: -len(one[1]))[:show]:
        row, answer, expected = those[0]
        print(f"    {len(those):5} {cause}: {what}; first row {row.number}:")
        print(f"          sent     {row.request[:160]!r}")
        print(f"          expected {expected[:240]!r}")
        print(f"          answered {answer[:240]!r}", flush=True)
    return faults + max(0, broken)


def cause_of(row, answer, recorded, wanted):
    if answer == wanted:
        return AGREES if answer == recorded else DECLARED
    departure = excuse_of_row(row.request, wanted, answer)
    if departure:
        return f"departure of docs/PROTOCOL.md: {departure}"
    if is_in_own_words(answer, wanted):
        return OWN
    return RUN if answer == recorded else UNLIKE


def difference(row, answer, expected):
    """The kind of row and the first lines that differ, without names: rows that differ for one reason have it in common."""
    lines, wanted = answer.split(b"\r\n"), expected.split(b"\r\n")
    for one, other in zip(lines + [b"nothing"], wanted + [b"nothing"]):
        if one != other:
            return f"{row.kind.split(':')[0]}: {plain(other)} expected, {plain(one)} answered"
    return f"{row.kind}: more or fewer lines"


def plain(line):
    return re.sub(rb"\d+", b"N", NAME.sub(b"KEY", line))[:60].decode("latin-1")
