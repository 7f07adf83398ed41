"""The documented departures that a row or a sequence may fall under whatever the server's version: a choice of
Tests/Differential/departures.py, less what the model of a version shows itself."""

import re

import fleet  # noqa: F401  makes Tests/Differential importable
from departures import DEPARTURES
from sequence import Sequence

NAMES = (
    "ambiguous", "administrative", "browser", "long line", "binary protocol", "TLS", "statistics",
    "unfinished large value", "blank number", "huge number", "held value", "refused halfway", "hidden key",
    "foreign cas number", "delayed flush",
)  # fmt: skip
CHOSEN = [one for one in DEPARTURES if one.name in NAMES]


# These excuse other numbers only, and what a number that is none is told.
OF_NUMBERS = {"blank number", "huge number", "held value", "foreign cas number"}
NUMBERS = re.compile(rb"-?\d+ *|CLIENT_ERROR cannot increment or decrement non-numeric value|(?:HD|EX|NF|NS|OK)\b|EXISTS|NOT_FOUND|STORED")


def excuse(sequence, expected, answered):
    """The name of a departure for which the two answers may differ, or None."""
    names = [one.name for one in CHOSEN if one.covers(sequence)]
    has_other_numbers = NUMBERS.sub(b"N", expected) == NUMBERS.sub(b"N", answered)
    return next((name for name in names if name not in OF_NUMBERS or has_other_numbers), None)


def excuse_of_row(request, expected, answered):
    return excuse(Sequence(0, requests=(request,)), expected, answered)
