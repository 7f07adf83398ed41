"""The documented departures that a row or a sequence may fall under whatever the server's version: a choice of
Tests/Differential/departures.py, less what the model of a version shows itself."""

import fleet  # noqa: F401  makes Tests/Differential importable
from departures import DEPARTURES
from sequence import Sequence

NAMES = (
    "ambiguous", "administrative", "browser", "long line", "binary protocol", "TLS", "statistics",
    "unfinished large value", "blank number", "huge number", "held value", "refused halfway", "hidden key",
    "foreign cas number", "delayed flush",
)  # fmt: skip
CHOSEN = [one for one in DEPARTURES if one.name in NAMES]


def covering_sequence(sequence):
    return [one.name for one in CHOSEN if one.covers(sequence)]


def covering(request):
    return covering_sequence(Sequence(0, requests=(request,)))
