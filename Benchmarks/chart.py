#!/usr/bin/env python3
"""Draws what bench.py has measured: CPU per request, a group of bars for each workload, nutcracker's being 100 %.

    chart.py [RESULT.json...] [TARGET.svg]    by default the newest of Benchmarks/results/, and docs/performance.svg
"""

import html
import json
import pathlib
import statistics
import sys

import tables
from rig import HERE
from trials import REFERENCE, ratios_of
from workloads import ALL, FLOOR, PEERS

# Subject to what the legend calls it, and its colour on a light and on a dark ground.
SUBJECTS = {
    "ringroad": ("ringroad", "#1f6feb", "#58a6ff"),
    PEERS[0]: ("nutcracker (twemproxy)", "#8c959f", "#8b949e"),
    PEERS[1]: ("memcached's proxy", "#bf8700", "#d29922"),
    FLOOR: ("the floor: answers without asking a server", "#9fd0a9", "#35704a"),
}
LEFT, PLOT, RIGHT, TOP = 176, 500, 124, 92
BAR, GAP = 12, 12
MOST = 1.3  # of the axis; what is longer is cut
TICKS = (0, 0.25, 0.5, 0.75, 1.0, 1.25)

# Without CSS variables, which not every viewer knows.
GROUNDS = {
    "light": {"ground": "#ffffff", "ink": "#1f2328", "faint": "#59636e", "grid": "#d8dee4"},
    "dark": {"ground": "#0d1117", "ink": "#e6edf3", "faint": "#9198a1", "grid": "#30363d"},
}
FONTS = """\
text { font: 11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; stroke-width: 3px; stroke-linejoin: round; paint-order: stroke }
.title { font-size: 15px; font-weight: 600 } .name { font-size: 12px } .own { font-weight: 600 } .one { stroke-dasharray: 3 3 }
"""


def style():
    def rules(ground):
        colours = GROUNDS[ground]
        fills = {"text": colours["ink"], "text.faint": colours["faint"], ".ground": colours["ground"],
                 **{f".{subject}": shades[ground == "dark"] for subject, (_, *shades) in SUBJECTS.items()}}
        strokes = {"text": colours["ground"], ".grid": colours["grid"], ".one": colours["faint"]}
        return " ".join([f"{name} {{ fill: {colour} }}" for name, colour in fills.items()]
                        + [f"{name} {{ stroke: {colour} }}" for name, colour in strokes.items()])
    return f"<style>\n{FONTS}{rules('light')}\n@media (prefers-color-scheme: dark) {{ {rules('dark')} }}\n</style>\n"


def groups(measured):
    """For each workload its name and bars: subject, share of the reference's CPU per request, microseconds."""
    found = []
    for result in measured["results"]:
        workload, rounds = ALL[result["workload"]], result["rounds"]
        if REFERENCE not in rounds or workload.is_idle or workload.rate:
            continue
        rows = {row["subject"]: row["cpu_us"] for row in result["rows"] if not row["failures"]}
        bars = [(subject, statistics.median(ratios_of(rounds[subject], rounds[REFERENCE], "cpu_us")), rows[subject])
                for subject in SUBJECTS if subject in rows]
        found.append((workload.name, "real servers" if result["servers"] == "real" else "", bars))
    return found


def text(x, y, words, kind="", anchor="start"):
    attributes = (f' class="{kind}"' if kind else "") + (f' text-anchor="{anchor}"' if anchor != "start" else "")
    return f'<text x="{x:g}" y="{y:g}"{attributes}>{html.escape(words)}</text>'


def bar(y, subject, share, microseconds):
    width = min(share, MOST) * PLOT / MOST
    parts = [f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" rx="1.5" class="{subject}"/>']
    if share > MOST:  # a cut through its end
        x = LEFT + width - 14
        parts.append(f'<path d="M{x:g} {y + BAR - 1}l5 -{BAR}h4l-5 {BAR}z" class="ground"/>')
    shown = f"{tables.figure(microseconds)} µs · {share * 100:.0f} %"
    return [*parts, text(LEFT + width + 5, y + BAR - 3, shown, "own" if subject == "ringroad" else "faint")]


def draw(measured):
    found = groups(measured)
    height = TOP + sum(BAR * len(bars) + GAP for _, _, bars in found)
    bottom = height - GAP / 2
    machine, total = measured["machine"], LEFT + PLOT + RIGHT
    parts = [text(16, 24, "CPU time per request", "title"),
             text(16, 41, f"{machine['cpus']} CPUs ({machine['cpu']}), Linux {machine['kernel']}, {measured['when'][:10]}; "
                          "each proxy with one thread; shorter is better", "faint")]
    x = 16
    for subject in SUBJECTS:
        if any(subject == bars[0] for _, _, group in found for bars in group):
            name = SUBJECTS[subject][0]
            parts += [f'<rect x="{x:g}" y="52" width="10" height="10" rx="1.5" class="{subject}"/>', text(x + 15, 61, name)]
            x += 36 + 6.4 * len(name)
    for tick in TICKS:
        at = LEFT + tick * PLOT / MOST
        parts.append(f'<path d="M{at:g} {TOP - 6}V{bottom:g}" class="{"one" if tick == 1 else "grid"}"/>')
        parts += [text(at, y, f"{tick * 100:.0f} %", "faint", "middle") for y in (TOP - 10, bottom + 14)]
    axis = "CPU time per request as a share of nutcracker's in the same round (%); beside each bar in microseconds"
    parts.append(text(LEFT + PLOT / 2, bottom + 32, axis, "faint", "middle"))
    y = TOP
    for name, servers, bars in found:
        middle = y + BAR * len(bars) / 2
        parts.append(text(LEFT - 10, middle - 2 if servers else middle + 3, name, "name", "end"))
        if servers:
            parts.append(text(LEFT - 10, middle + 12, servers, "faint", "end"))
        for subject, share, microseconds in bars:
            parts += bar(y, subject, share, microseconds)
            y += BAR
        y += GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {bottom + 44:g}" width="{total}" height="{bottom + 44:g}" role="img">\n'
            f"<title>CPU time per request of ringroad and other proxies</title>\n{style()}"
            f'<rect width="100%" height="100%" class="ground"/>\n' + "\n".join(parts) + "\n</svg>\n")


def main(paths):
    target = pathlib.Path(paths.pop() if paths and paths[-1].endswith(".svg") else HERE.parent / "docs" / "performance.svg")
    runs = [json.loads(pathlib.Path(path).read_text()) for path in paths or tables.newest()]
    runs = [run for run in runs if "results" in run]
    if not runs:
        return "chart: no results yet: make bench"
    target.write_text(draw(runs[0] | tables.merged(runs)))
    print(f"written: {target}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, ValueError) as error:
        sys.exit(f"chart: {error}")
