#!/usr/bin/env python3
"""Plays seeded sequences of requests to memcached and to ringroad in front of memcacheds, and compares
every byte of the answers and everything that the servers hold afterwards.

    differential.py --seeds 500                      seeds 1 … 500, over one server and over three
    differential.py --seeds 1 --seed 4711            that one again
    differential.py --table                          requests that are wrong in one way each
    differential.py --seeds 200 --canary relay       must fail: a relay alters bytes (drip: answers never end)
"""

import argparse
import multiprocessing
import os
import queue
import sys
import time
import traceback

from compare import differs, holdings_differ, masked
from corners import corners
from departures import covering, departures
from grammar import Grammar
from minimise import minimised
from play import Custodian, Player, Stuck, together, within
from relay import Relay
from sequence import Sequence
from servers import Ringroad, default_binary, memcached, memcached_version


# What two memcacheds answer otherwise: no difference of ringroad's.
GUESS = "on which two memcacheds do not agree"


class Lane:
    """A memcached, and a ringroad per count of servers, each with memcacheds of its own."""

    def __init__(self, options):
        self.processes = []
        self.options = options
        try:
            direct = self.start(memcached(["-C"] if options.canary == "option" else []))
            self.direct = Player(direct.port, options.version)
            # Another of the same: where the two do not agree there is nothing to compare with.
            other = self.start(memcached())
            self.other = Player(other.port, options.version)
            self.through = {}
            self.groups = {}
            ports = [direct.port, other.port]
            for count in options.servers:
                behind = [self.start(memcached()).port for _ in range(count)]
                port = self.start(Ringroad(options.binary, behind)).port
                if options.canary in ("relay", "drip"):
                    port = self.start(Relay(port, is_dripping=options.canary == "drip")).port
                self.through[count] = Player(port)
                self.groups[count] = range(len(ports), len(ports) + count)
                ports += behind
            self.ports = ports
            self.custodian = Custodian(ports)
        except BaseException:
            self.end()
            raise

    def start(self, process):
        self.processes.append(process)
        return process

    def end(self):
        for process in reversed(self.processes):
            process.end()

    def play(self, sequence):
        """The answers, by count of servers; 0 is memcached itself."""
        self.custodian.clear()
        return dict(zip([0, *self.through], together([self.direct, *self.through.values()], sequence)))

    def difference(self, sequence, seconds=None, is_compared=True):
        """What is not the same and the answers, or None. No end within the time is a difference, without answers."""
        try:
            with within(seconds or self.options.deadline):
                return self.compared(sequence) if is_compared else self.play(sequence) and None
        except (Stuck, OSError) as error:
            reason = f"no answer and no end: {error}" if isinstance(error, Stuck) else str(error)
            self.begin_again()
            return f"{reason}; have ended: {self.ended}", {}

    def compared(self, sequence):
        answers = self.play(sequence)
        if self.ended:
            return "a process has ended", answers
        for count in self.through:
            what = differs(answers[0], answers[count])
            if what:
                return f"over {count} server(s): {what}", answers
        held = self.custodian.holdings(sequence.keys)
        for count in self.through:
            what = holdings_differ(held[0], [held[i] for i in self.groups[count]])
            if what:
                return f"over {count} server(s): {what}", answers
        return None

    def is_anybodys_guess(self, sequence):
        """Whether two memcacheds do not agree on it."""
        try:
            with within(self.options.deadline):
                self.custodian.clear()
                one, other = together([self.direct, self.other], sequence)
                held = self.custodian.holdings(sequence.keys)
                return bool(differs(one, other) or holdings_differ(held[0], [held[1]]))
        except (Stuck, OSError):
            self.begin_again()
            return False

    def begin_again(self):
        """Fresh connections: what was cut short may have left answers on the old ones."""
        for player in [self.direct, self.other, *self.through.values()]:
            player.forget()
        self.custodian.end()
        try:
            self.custodian = Custodian(self.ports)
        except OSError:
            # One has ended, and is told of.
            pass

    def confirmed(self, sequence, may_vary):
        """A difference that counts, or None; `may_vary` excuses what a replay does not show."""
        first = self.difference(sequence)
        if first is None or not first[1]:
            # Without answers it has not ended: once is enough.
            return first
        again = [self.difference(sequence) for _ in range(3)]
        shown = sum(one is not None for one in again)
        # What else lies in a server's memory is another matter: a fresh one's is all zeros.
        if may_vary and (shown < len(again) or self.is_same_when_fresh(sequence)):
            return None
        return f"{first[0]} (shown by {shown} of {len(again)} replays)", first[1]

    def is_same_when_fresh(self, sequence):
        lane = Lane(self.options)
        try:
            return lane.difference(sequence) is None
        finally:
            lane.end()

    @property
    def ended(self):
        """The last words of the processes that are no more."""
        return [p.last_words for p in self.processes if not isinstance(p, Relay) and not p.is_alive]

    def check_departures(self):
        """Every departure must show, as the table says."""
        for one in departures(self.options.version):
            for stream, expected in one.examples:
                example = Sequence(0, requests=(stream,))
                answers = self.play(example)
                if not one.covers(example):
                    yield f"{one.name}: its own example is not covered: {stream[:80]!r}"
                if differs(answers[0], answers[1]) is None:
                    yield f"{one.name}: memcached answers the same to {stream[:80]!r}"
                if not answers[1].startswith(expected) or (not expected and answers[1]):
                    yield f"{one.name}: ringroad answers {answers[1][:200]!r} to {stream[:80]!r}"


def told(sequence, what, answers):
    lines = [f"seed {sequence.seed}: {what}", f"  sent ({sequence.mode}):"]
    lines += [f"    first {one[:200]!r}" for one in sequence.setup]
    lines += [f"    {one[:600]!r}" for one in sequence.requests]
    for count, answer in answers.items():
        lines.append(f"  {f'ringroad over {count}' if count else 'memcached'} answered:")
        lines.append(f"    {masked(answer)[:600]!r}")
    return "\n".join(lines + [f"  again: --replay '{sequence.dump()}'"])


def is_alike(found, other):
    """Whether both are differences in what was answered, or both have no end."""
    return other is not None and bool(found[1]) == bool(other[1])


def chosen(options, seeds):
    if options.replay:
        return [Sequence.load(options.replay)]
    if options.table:
        return [one for i, one in enumerate(corners()) if i in seeds]
    return (Grammar(seed, options.meta).sequence() for seed in seeds)


def run_lane(number, options, seeds, results):
    """Plays its share of the seeds; sends a report of each difference, and its counts at the end."""
    played, excepted, requests, failed, declared = 0, {}, 0, 0, 0
    lane = seed = None
    try:
        lane = Lane(options)
        if number == 0 and not options.canary and 1 in options.servers:
            for line in lane.check_departures():
                failed += 1
                results.put(("difference", line))
        for sequence in chosen(options, seeds):
            played += 1
            seed = getattr(sequence, "seed", played)
            requests += len(sequence.requests)
            covered = covering(sequence, options.version)
            reasons = [one for one in covered if not one.is_rare]
            # What falls under a departure is mostly answered the same; only what is not is excused.
            found = lane.difference(sequence) if reasons else lane.confirmed(sequence, may_vary=bool(covered))
            declared += lane.direct.dropped > 0
            if found and reasons and found[1]:
                name = GUESS if lane.is_anybodys_guess(sequence) else reasons[0].name
                excepted[name] = excepted.get(name, 0) + 1
                found = None
            if found is None:
                continue
            failed += 1
            if not options.canary and not lane.ended:
                rare = {one.name for one in covered}
                names = lambda s: {one.name for one in covering(s, options.version)}
                has_end = bool(found[1])
                small = minimised(
                    sequence,
                    lambda s: (names(s) <= rare or not has_end)
                    and is_alike(found, lane.difference(s, None if has_end else options.deadline / 4)),
                )
                again = lane.difference(small)
                if is_alike(found, again):
                    sequence, found = small, (f"{found[0]}; made smaller: {again[0]}", again[1])
            results.put(("difference", told(sequence, *found)))
            if failed >= options.most or lane.ended:
                break
        for words in lane.ended:
            results.put(("difference", words))
    except BaseException:
        results.put(("accident", f"after seed {seed} had begun:\n{traceback.format_exc()}"))
    finally:
        if lane:
            lane.end()
        results.put(("done", (played, requests, excepted, declared)))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=500, help="how many sequences")
    parser.add_argument("--seed", type=int, default=1, help="the first")
    parser.add_argument("--servers", default="1,3", help="memcacheds behind ringroad, a list")
    parser.add_argument("--lanes", type=int, default=min(8, 2 * (os.cpu_count() or 1)), help="side by side")
    parser.add_argument("--no-meta", dest="meta", action="store_false", help="classic commands only")
    parser.add_argument("--canary", choices=["relay", "option", "drip"], help="plant a difference; must fail")
    parser.add_argument("--most", type=int, default=3, help="differences per lane before it stops")
    parser.add_argument("--deadline", type=float, default=30, help="seconds that a sequence may take; more is a failure")
    parser.add_argument("--table", action="store_true", help="the table of corners instead of seeds")
    parser.add_argument("--replay", help="a sequence as a report prints it")
    parser.add_argument("--binary", default=default_binary())
    options = parser.parse_args()
    options.version = memcached_version()
    options.servers = [int(count) for count in options.servers.split(",")]
    return options


def main():
    options = arguments()
    seeds = range(options.seed, options.seed + (1 if options.replay else options.seeds))
    if options.table:
        seeds = range(sum(1 for _ in corners()))
    lanes = min(options.lanes, len(seeds))
    results = multiprocessing.Queue()
    begun = time.monotonic()
    workers = [
        multiprocessing.Process(target=run_lane, args=(i, options, seeds[i::lanes], results)) for i in range(lanes)
    ]
    for worker in workers:
        worker.start()
    played = requests = differences = accidents = done = declared = 0
    excepted = {}
    while done < lanes:
        try:
            kind, what = results.get(timeout=1)
        except queue.Empty:
            if results.empty() and any(worker.exitcode for worker in workers):
                accidents += 1
                print("a lane was killed", flush=True)
                break
            continue
        if kind != "done":
            differences += kind == "difference"
            accidents += kind == "accident"
            print(what, flush=True)
            continue
        done += 1
        played += what[0]
        requests += what[1]
        declared += what[3]
        for name, count in what[2].items():
            excepted[name] = excepted.get(name, 0) + count
    for worker in workers:
        if accidents:
            worker.terminate()
        worker.join()
    seconds = time.monotonic() - begun
    guesses = excepted.pop(GUESS, 0)
    listed = ", ".join(f"{count} {name}" for name, count in sorted(excepted.items())) or "none"
    print(
        f"{played} sequences ({requests} requests) in {seconds:.1f} s, seeds {seeds[0]}-{seeds[-1]}, "
        f"over {options.servers} servers of {'.'.join(map(str, options.version))}: {differences} differences, "
        f"{declared} compared without the values of refused lines, {guesses} {GUESS}; "
        f"excused, {100 * sum(excepted.values()) / max(1, played):.1f} %: {listed}"
    )
    # An accident is not a difference: a canary must not take one for its catch.
    return 2 if accidents else 1 if differences or played < len(seeds) else 0


if __name__ == "__main__":
    sys.exit(main())
