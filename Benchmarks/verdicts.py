"""What was measured, held against the bars: one line for each bar of a workload that was measured."""

import dataclasses
import statistics

from trials import ratios_of
from workloads import ALL, BARS, FLOOR, PEERS

HEADER = ("workload", "bar", "aim", "ours", "met", "ours / floor", "floor / peer")
LATENCIES = ("p50_us", "p99_us", "p999_us")
FIGURES = {"rps": "requests/s", "p50_us": "p50", "p99_us": "p99", "p999_us": "p99.9", "bytes_per_connection": "bytes for a client",
           "rss_kb": "RSS", "rss_growth": "RSS after it / before"}


@dataclasses.dataclass
class Verdict:
    bar: object
    value: float | None = None  # ours, or its ratio to `other`'s; None: was not measured, or is void
    other: str = ""
    of_floor: float | None = None  # our CPU per request over the floor's
    floor_of_peer: float | None = None

    @property
    def met(self):
        if self.value is None:
            return "not measured"
        if not passes(self.bar, self.value, self.bar.must):
            is_beyond = self.bar.figure == "cpu_us" and self.floor_of_peer is not None and self.floor_of_peer > self.bar.must
            return "no, nor is it by the floor" if is_beyond else "no"
        return "yes, and the aim" if self.bar.aim and passes(self.bar, self.value, self.bar.aim) else "yes"

    def cells(self):
        sign = "≥" if self.bar.is_least else "≤"
        peer = f" of {self.other}" if self.bar.against == "peer" else ""
        ours = "-" if self.value is None else shown(self.bar, self.value) + peer
        return (label(self.bar), f"{sign} {shown(self.bar, self.bar.must)}", shown(self.bar, self.bar.aim) if self.bar.aim else "-", ours, self.met,
                *("-" if ratio is None else f"{ratio:.2f}" for ratio in (self.of_floor, self.floor_of_peer)))


def passes(bar, value, limit):
    """As it is shown: by two digits."""
    value = round(value, 2)
    return value >= limit if bar.is_least else value <= limit


def shown(bar, value):
    if bar.figure == "rss_kb":
        return f"{value / 1024:.1f} MB"
    return f"{value:.0f} B" if bar.figure == "bytes_per_connection" else f"{value:.2f}"


def label(bar):
    parts = [bar.workload]
    if bar.servers == "real":
        parts.append("real servers")
    if bar.subject == "ringroad-md5":
        parts.append("MD5 ring against fnv1a_64 ring")
    elif bar.subject != "ringroad":
        parts.append(f"{bar.subject.removeprefix('ringroad-t')} threads against 1")
    elif bar.against == FLOOR:
        parts.append("against the floor")
    if bar.figure in FIGURES:
        parts.append(FIGURES[bar.figure])
    return ", ".join(parts)


def better_peer(result, figure):
    """The peer that did better, or None where there was none."""
    rows = {row["subject"]: row[figure] for row in result["rows"] if row["subject"] in PEERS and not row["failures"] and row[figure]}
    return (max if figure == "rps" else min)(rows, key=rows.get) if rows else None


def ratio(result, mine, theirs, figure):
    """The median of the rounds' ratios; of latencies the ratio of medians, as what stalls the machine hits one subject alone."""
    rounds = result["rounds"]
    if figure in LATENCIES and mine in rounds and theirs in rounds:
        return statistics.median(report[figure] for report in rounds[mine]) / statistics.median(report[figure] for report in rounds[theirs])
    ratios = ratios_of(rounds[mine], rounds[theirs], figure) if mine in rounds and theirs in rounds else []
    return statistics.median(ratios) if ratios else None


def judge(bar, result):
    rows = {row["subject"]: row for row in result["rows"]}
    ours = rows.get(bar.subject)
    if not ours or ours["failures"]:
        return Verdict(bar)
    if not bar.against:
        return Verdict(bar, ours.get(bar.figure))
    other = better_peer(result, bar.figure) if bar.against == "peer" else bar.against
    if other not in rows or rows[other]["failures"]:
        return Verdict(bar)
    verdict = Verdict(bar, ratio(result, bar.subject, other, bar.figure), other)
    if bar.against == "peer" and bar.figure == "cpu_us":
        verdict.of_floor = ratio(result, bar.subject, FLOOR, "cpu_us")
        verdict.floor_of_peer = ratio(result, FLOOR, other, "cpu_us")
    return verdict


def verdicts(results):
    measured = {(result["servers"], result["workload"]): result for result in results if result["workload"] in ALL}
    return [judge(bar, measured[bar.servers, bar.workload]) for bar in BARS if (bar.servers, bar.workload) in measured]
