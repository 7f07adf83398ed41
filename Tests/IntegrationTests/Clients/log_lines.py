"""Reads a log in JSON, one object a line, as a collector would: log_lines.py FILE. Prints the messages, one a line."""
import datetime
import json
import sys


def unique(pairs):
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), f"a name twice: {names}"
    return dict(pairs)


with open(sys.argv[1], encoding="utf-8", newline="\n") as lines:
    for line in lines:
        assert line.endswith("\n"), f"a line without an end: {line!r}"
        entry = json.loads(line, object_pairs_hook=unique)
        assert all(isinstance(value, str) for value in entry.values()), entry
        assert list(entry)[:3] == ["time", "level", "message"], entry
        datetime.datetime.strptime(entry["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
        assert entry["level"] in ("error", "warning", "info", "debug"), entry
        print(entry["message"])
