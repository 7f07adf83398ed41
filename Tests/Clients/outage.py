"""Real client libraries while one of three servers fails: what each gets for the keys of the other two.

    outage.py [--short] [--only NAME]... [--errors] [--json FILE] [BINARY]

Each client is played through four outages, each with three memcacheds, a ringroad and a program of its own. Its bars:
99.9 % right answers for the keys of the healthy servers, less than one new connection a second, and a quarter of the
answers that it gets when all servers are up. Up to three clients that miss one, as on a busy machine, are played once
more, one at a time. Exit 1 when one of them misses one again.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(os.path.dirname(HERE), "Differential"))
sys.path.insert(1, os.path.join(HERE, "outage"))

from libraries import LIBRARIES, Absent, environment  # noqa: E402
from outages import outages, play  # noqa: E402
from servers import default_binary  # noqa: E402

RIGHT_SHARE = 0.999
CONNECTIONS_A_SECOND = 1
# A client waits half a second and more for a server that hangs.
RATE_SHARE = 0.25
# More than these are not due to a busy machine.
AGAIN = 3


def shortfalls(outage, result, rate_all_up):
    """The bars that a result misses, in words."""
    total = result.right + result.wrong
    if not total or result.right / total < RIGHT_SHARE:
        yield f"{outage.name}: {result.wrong} of {total} answers wrong"
    if result.connections >= CONNECTIONS_A_SECOND * result.seconds:
        yield f"{outage.name}: {result.connections} new connections in {result.seconds:.0f} s"
    if result.rate < RATE_SHARE * rate_all_up:
        yield f"{outage.name}: {result.rate:.0f} right answers a second, {rate_all_up:.0f} with all servers up"
    for complaint, count in result.complaints.most_common(1):
        yield f"{outage.name}: {count} times {complaint!r:.200}"


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


class Table:
    """The rows, printed as they come, and what came of them."""

    def __init__(self, kinds):
        self.kinds = kinds
        self.passed, self.failed, self.absent, self.figures = set(), {}, {}, {}
        print("Answers for the keys of the healthy servers: right / wrong, and new connections.\n")
        row("client", "version", *(kind.name for kind in kinds), "")
        row(*["---"] * (len(kinds) + 3))

    def played(self, library, binary, seed):
        """The version and the result of each outage, all of them at once: most of the time is waiting."""
        command, version = library.program()
        with ThreadPoolExecutor(max_workers=len(self.kinds)) as pool:
            runs = [pool.submit(play, command, environment(), kind, binary, seed) for kind in self.kinds]
            return version, [run.result() for run in runs]

    def add(self, name, outcome):
        """Prints a client's row. `outcome` gives what `played` does, or raises."""
        try:
            version, results = outcome()
        except Absent as reason:
            self.absent[name] = str(reason)
            row(name, "", *[""] * len(self.kinds), "skipped")
            return
        except (OSError, RuntimeError) as error:
            self.failed[name] = [str(error)]
            row(name, "", *[""] * len(self.kinds), "FAILED")
            return
        self.figures[name] = {kind.name: vars(one) for kind, one in zip(self.kinds, results)}
        misses = []
        for kind, one in zip(self.kinds, results):
            lines = list(shortfalls(kind, one, results[0].rate))
            # A complaint alone, within the bars, is no miss.
            misses += lines if len(lines) > bool(one.complaints) else []
        self.failed.pop(name, None)
        if misses:
            self.failed[name] = misses
        else:
            self.passed.add(name)
        cells = [f"{one.right} / {one.wrong}, {one.connections}" for one in results]
        row(name, version, *cells, "FAILED" if misses else "passed")

    def close(self):
        print()
        for name, lines in self.failed.items():
            print(f"FAILED {name}:\n  " + "\n  ".join(lines))
        for name, reason in self.absent.items():
            print(f"skipped {name}: {reason}")
        print(f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.absent)} skipped")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default=default_binary())
    parser.add_argument("--short", action="store_true", help="shorter outages")
    parser.add_argument("--only", action="append", metavar="NAME", help="only clients whose name begins with this")
    parser.add_argument("--seed", type=int, default=1, help="of the requests that are drawn")
    parser.add_argument("--at-once", type=int, default=3, metavar="N", help="how many clients are played at once")
    parser.add_argument("--json", metavar="FILE", help="write the figures here")
    parser.add_argument("--errors", action="store_true", help="play with writes_on_failure: error")
    options = parser.parse_args()
    if not os.access(options.binary, os.X_OK):
        parser.error(f"there is no {options.binary} yet: make build")
    wanted = tuple(name.lower() for name in options.only or [""])
    chosen = [one for one in LIBRARIES if one.name.lower().startswith(wanted)]
    if not chosen:
        parser.error("no client has such a name")

    table = Table(outages(options.short, "writes_on_failure: error\n" if options.errors else ""))
    with ThreadPoolExecutor(max_workers=options.at_once) as pool:
        runs = [pool.submit(table.played, one, options.binary, options.seed) for one in chosen]
        for library, run in zip(chosen, runs):
            table.add(library.name, run.result)
    if 0 < len(table.failed) <= AGAIN:
        for library in chosen:
            if library.name in table.failed:
                table.add(library.name, lambda: table.played(library, options.binary, options.seed + 1))
    table.close()
    if options.json:
        with open(options.json, "w") as file:
            json.dump(table.figures, file, indent=2)
    return 1 if table.failed or not table.passed else 0


if __name__ == "__main__":
    sys.exit(main())
