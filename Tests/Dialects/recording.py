"""The recorded answers of real memcacheds, and how an answer is masked to be compared with them."""

import gzip
import json
import os
import re
from dataclasses import dataclass

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "answers.json.gz")
# Behind each request, on the same connection: had the server lost its place, it would be read differently.
LAST = b"version\r\n"
CLOSED = b"<closed>"

STATISTICS = re.compile(rb"(?m)(?:^STAT [^\n]*\n)+")
VERSION = re.compile(rb"(?m)^VERSION [0-9.]+")
CAS_OF_VALUE = re.compile(rb"(?m)^(VALUE [^ \r\n]+ \d+ \d+) \d+\r$")
META_LINE = re.compile(rb"(?m)^(?:VA|HD|OK|EN|EX|NF|NS|ST|DE)(?: [^\n]*)?$")
META_NUMBER = re.compile(rb" ([ctl])\d+(?=[ \r]|$)")
DEBUG_NUMBER = re.compile(rb" (exp|la|cas)=-?\d+")


@dataclass(frozen=True)
class Row:
    number: int
    kind: str
    request: bytes
    # What each version answered.
    answers: dict


def rows():
    with gzip.open(PATH, "rt", encoding="utf-8") as file:
        raw = json.load(file)
    for number, (kind, request, texts, chosen) in enumerate(raw["rows"]):
        answers = {version: texts[int(at)].encode("latin-1") for version, at in zip(raw["versions"], chosen)}
        yield Row(number, kind, request.encode("latin-1"), answers)


def masked(answer):
    """The answer without what differs from run to run: cas numbers, times, the version."""
    answer = STATISTICS.sub(b"STAT #\r\n", answer)
    answer = VERSION.sub(b"VERSION #", answer)
    answer = CAS_OF_VALUE.sub(rb"\1 #\r", answer)
    answer = META_LINE.sub(lambda found: META_NUMBER.sub(rb" \1#", found[0]), answer)
    return DEBUG_NUMBER.sub(rb" \1=#", answer)
