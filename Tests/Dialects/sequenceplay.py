"""Plays seeded sequences through ringroad beside a model of the same version, and counts those that differ."""

import collections
import re
import time

from departures_of_rows import excuse
from fleet import Fleet, connect, fakes_of, rest_of
from compare import PADDING, differs
from grammar import Grammar
from recording import CLOSED, masked
from rowplay import AGREES, OWN, Model, is_in_own_words
from sequence import LAST, TOKEN
from session import Session

MARK = b"version\r\n"
MARKED = re.compile(rb"VERSION [0-9.]+\r\n$")
UNIQUE = re.compile(rb"VALUE (\S+) \d+ \d+ (\d+)\r\n")
# Where the fakes' cas numbers begin: no sequence names one of them by chance.
FIRST_CAS = 1 << 20
BLOCK = re.compile(rb"(?m)^(?:VALUE|VA) [^\n]*")
MOST_PERCENT = 2.0
SWALLOWED = "a declared value was thrown away"


def play_sequences(binary, version, seeds, show):
    """Prints the share of sequences that differ, and gives the number of faults: too large a share counts as one."""
    counts, shown, left_out = collections.Counter(), [], collections.Counter()
    with Fleet(binary, fakes_of([version] * 3)) as fleet:
        for fake in fleet.fakes:
            fake.items.last_cas = FIRST_CAS
        for seed in seeds:
            sequence = Grammar(seed).sequence()
            found = play_sequence(fleet, version, sequence)
            if not isinstance(found, str) and found[-1]:
                left_out[found[-1]] += 1
                continue
            kind = found if isinstance(found, str) else found[0]
            counts[kind] += 1
            if not isinstance(found, str):
                shown.append((seed, *found[:-1]))
        broken = fleet.count("integrity_failures")
        ended = not fleet.ringroad.is_alive or not all(fake.thread.is_alive() for fake in fleet.fakes)
    played = sum(counts.values())
    wrong = sum(counts[kind] for kind in ("data", "resumption", "words"))
    percent = 100 * wrong / max(1, played)
    print(
        f"{version}: {percent:.1f} % of {played} sequences differ ({counts['data']} in data, {counts['resumption']} in where "
        f"the stream goes on, {counts['words']} in words only); {counts[SWALLOWED]} only in a declared value thrown away, "
        f"{counts[OWN]} only in ringroad's own words; integrity_failures {broken}; left out: {dict(left_out) or 'none'}"
    )
    for seed, kind, expected, answered, requests in sorted(shown, key=lambda one: ("data", "resumption", "words").index(one[1]))[:show]:
        print(f"    seed {seed} ({kind}): {[request[:90] for request in requests][:6]}")
        print(f"          expected {expected!r}")
        print(f"          answered {answered!r}", flush=True)
    if ended:
        print("    FAULT: a process ended")
    return (percent > MOST_PERCENT) + counts["data"] + counts["resumption"] + max(0, broken) + ended


def play_sequence(fleet, version, sequence):
    """How it went: a word for agreement, or the kind of difference, both answers from there on, the requests and an excuse."""
    for fake in fleet.fakes:
        fake.items.held.clear()
    models = [Model(version), Model(version, swallows=False)]
    for model in models:
        model.server.items.last_cas = FIRST_CAS
    wanted, with_values_run = [masked(model_answer(model, sequence)) for model in models]
    answer = masked(through(fleet.port, sequence))
    # Nobody waits for what was asked with noreply.
    until = time.monotonic() + 0.5
    while not (is_held_alike := holds_alike(models[0], held := fleet.held())) and time.monotonic() < until:
        time.sleep(0.005)
    excused = excuse(sequence, wanted, answer)
    if differs(wanted, answer) is None:
        if is_held_alike:
            return AGREES if wanted == with_values_run else SWALLOWED
        return "data", b"holds " + told(models[0].server.items.held), b"holds " + told(held), sequence.requests, excused
    if is_held_alike and is_in_own_words(answer, wanted):
        return OWN
    return (kind_of(wanted, answer), *where(wanted, answer), sequence.requests, excused)


def told(held):
    return b" ".join(sorted(held))[:200]


def model_answer(model, sequence):
    """What the model answers to the setup and the sequence."""
    session = Session(model.server)
    setup = session.feed(b"".join(sequence.setup) + MARK)
    answer = session.feed(resolved(sequence, setup) + LAST)
    return setup + answer


def through(port, sequence):
    with connect(port) as one:
        one.sendall(b"".join(sequence.setup) + MARK)
        setup = rest_of(one, b"", lambda answer: MARKED.search(answer) is not None)
        try:
            for piece in sequence.pieces(resolved(sequence, setup) + LAST):
                one.sendall(piece)
            one.shutdown(1)
        except OSError:
            pass
        return rest_of(one, setup, lambda answer: answer.endswith(CLOSED)).removesuffix(CLOSED)


def resolved(sequence, setup):
    """The stream with the cas numbers that the setup showed."""
    tokens = dict(UNIQUE.findall(setup))
    width = 0 if sequence.is_framed else 12
    return TOKEN.sub(lambda found: tokens.get(found[1], b"1").zfill(width), sequence.stream)


def holds_alike(model, held):
    items = model.server.items
    alone = {key: items.get(key) for key in list(items.held)}
    alone = {key: item for key, item in alone.items() if item}
    if any(len(copies) > 1 for copies in held.values()):
        return False
    for key in alone.keys() | held.keys():
        one, other = alone.get(key), held.get(key, [None])[0]
        if (one is None) != (other is None):
            present = one or other
            if not 0 < present.exptime - items.now <= 2:
                return False
        elif (one.flags, PADDING.sub(b"", one.value)) != (other.flags, PADDING.sub(b"", other.value)):
            return False
    return True


def kind_of(expected, answered):
    """Whether values differ, or how many lines there are, or only the words of some."""
    if blocks(expected) != blocks(answered):
        return "data"
    return "words" if expected.count(b"\n") == answered.count(b"\n") else "resumption"


def blocks(answer):
    return [re.sub(rb"\d+ ?", b"", found) for found in BLOCK.findall(answer)]


def where(expected, answered):
    at = 0
    while at < min(len(expected), len(answered)) and expected[at] == answered[at]:
        at += 1
    at = expected.rfind(b"\n", 0, at) + 1
    return expected[at : at + 160], answered[at : at + 160]
