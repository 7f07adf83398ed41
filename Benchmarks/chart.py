#!/usr/bin/env python3
"""Draws what bench.py has measured: CPU per request against nutcracker's, one group of bars for each workload.

    chart.py RESULTS.json docs/performance.svg
"""

import html
import json
import sys

COLOURS = {"nutcracker": "#9aa5b1", "mcproxy": "#c9b458", "ringroad": "#1f6feb", "ringroad-md5": "#79b0ff", "canned": "#d9dde2"}
NAMES = {"canned": "floor: answers without asking anybody", "mcproxy": "memcached's proxy", "ringroad-md5": "ringroad, its default ring (MD5)"}
LEFT, WIDTH, BAR, GAP, TOP = 190, 520, 13, 14, 64


def main(source, target):
    with open(source) as file:
        measured = json.load(file)
    groups = []
    for result in measured["results"]:
        rows = [(row["subject"], row["cpu_us_ratio"], row["cpu_us"]) for row in result["rows"]
                if row["subject"] in COLOURS and row.get("cpu_us_ratio")]
        if rows:
            groups.append((f"{result['workload']}, {result['servers']}", sorted(rows, key=lambda row: list(COLOURS).index(row[0]))))
    longest = max(ratio for _, rows in groups for subject, ratio, _ in rows if subject != "mcproxy")
    scale = WIDTH / max(1.0, longest)
    parts, y = [], TOP
    for name, rows in groups:
        parts.append(f'<text x="{LEFT - 10}" y="{y + 11}" text-anchor="end" class="name">{html.escape(name)}</text>')
        for subject, ratio, us in rows:
            width = min(ratio * scale, WIDTH + 40)
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{COLOURS[subject]}"/>')
            parts.append(f'<text x="{LEFT + width + 5:.1f}" y="{y + 10}">{ratio:.2f} · {us:.2f} µs</text>')
            y += BAR
        y += GAP
    shown = [subject for subject in COLOURS if any(row[0] == subject for _, rows in groups for row in rows)]
    x = LEFT
    for subject in shown:
        label = NAMES.get(subject, subject)
        parts.append(f'<rect x="{x}" y="36" width="10" height="10" fill="{COLOURS[subject]}"/><text x="{x + 14}" y="45">{label}</text>')
        x += 24 + 6.2 * len(label)
    machine = measured["machine"]
    head = "CPU per request, as a share of nutcracker's in the same round"
    note = f"{machine['cpus']} CPUs, {machine['cpu']}, Linux {machine['kernel']}"
    total = max(LEFT + WIDTH + 130, int(x))
    with open(target, "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{y + 10}" font-family="sans-serif" font-size="11">\n'
                   '<style>.name { font-size: 12px } text { fill: #24292f }</style>\n<rect width="100%" height="100%" fill="white"/>\n'
                   f'<text x="{LEFT}" y="18" font-size="14">{head}</text><text x="{LEFT}" y="31" fill="#666">{html.escape(note)}</text>\n'
                   + "\n".join(parts) + "\n</svg>\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
