"""A row of the table while it is played, and what is held against its bars."""

import time

from client import ERROR, OK
from load import Load, quantile, share_ok
from rig import STRICT, Rig, Sampler, eventually

MEGABYTE = 1 << 20


class Skipped(Exception):
    """A row that cannot be played here; its text says why."""


class Bar:
    """One figure beside what it must be. Figures of time are noisy: the median of three plays decides."""

    def __init__(self, name, value, relation, limit, unit="", is_time=False):
        self.name = name
        self.value = value
        self.relation = relation
        self.limit = limit
        self.unit = unit
        self.is_time = is_time

    @property
    def holds(self):
        if self.value is None:
            return False
        return {"<=": self.value <= self.limit, ">=": self.value >= self.limit, "==": self.value == self.limit}[
            self.relation
        ]

    def __str__(self):
        value = (
            "never" if self.value is None else f"{self.value:.4g}" if isinstance(self.value, float) else str(self.value)
        )
        return f"{self.name} {value}{self.unit} {self.relation} {self.limit}{self.unit}"


class Play:
    """One play of a row: the rig, the load, the moments that matter, the bars."""

    def __init__(self, options, scale=1.0):
        self.options = options
        self.scale = scale
        self.bars = []
        self.remarks = []
        self.rig = self.load = self.sampler = self.result = None
        self.log = ""

    # MARK: playing

    def start(self, settings=STRICT, *, relayed=False, server_options=None, load=None, **proxy):
        self.rig = Rig(
            self.options.binary,
            settings,
            seed=self.options.seed,
            relayed=relayed,
            server_options=server_options,
            **proxy,
        )
        if load is not False:
            self.load = Load(self.rig, seed=self.options.seed, **(load or {}))
        self.sampler = Sampler(self.rig.proxy)
        self.pause(0.4)
        self.numbers = self.rig.proxy.numbers()
        self.begun = time.monotonic()
        return self.rig, self.load

    def pause(self, seconds):
        time.sleep(seconds)

    def wait(self, seconds):
        """A span that a shorter run makes shorter."""
        time.sleep(seconds * self.scale)

    def gained(self, name):
        """How much a number of `stats ringroad` has grown since the beginning."""
        time.sleep(0.15)
        return self.rig.proxy.numbers().get(name, 0) - self.numbers.get(name, 0)

    def stop(self, verify=True):
        self.stopped = time.monotonic()
        self.result = self.load.stop(verify)
        self.remarks += self.result.remarks
        return self.result

    def end(self):
        if self.sampler:
            self.sampler.is_over = True
        if self.rig and self.rig.proxy:
            self.log = self.rig.proxy.log
        if self.load:
            self.load.end()
        if self.rig:
            self.rig.end()

    # MARK: judging

    def bar(self, name, value, relation, limit, unit="", is_time=False):
        self.bars.append(Bar(name, value, relation, limit, unit, is_time))

    def time_bar(self, name, seconds, relation, limit, unit=" ms"):
        """Seconds in, milliseconds shown."""
        self.bars.append(
            Bar(name, None if seconds is None else round(seconds * 1000, 1), relation, limit, unit, is_time=True)
        )

    def judge(self, faulty=(), since=None, until=None, *, rss=64, is_isolated=True, p99=50):
        """What holds everywhere: integrity, hangs, life, memory, and whom the failure does not concern."""
        result = self.result
        since = since or self.begun
        until = until or self.stopped
        for what, count in result.violations.items():
            if count:
                self.bar(what, count, "==", 0)
        self.bar("violations", result.bad, "==", 0)
        if not self.rig.proxy.is_alive:
            self.remarks.append(self.rig.proxy.log[-3000:])
        self.bar("alive", self.rig.proxy.is_alive, "==", True)
        if rss:
            self.bar("RSS", round(self.sampler.end() / MEGABYTE, 1), "<=", rss, " MB more")
        self.bar("requests", len(result.events), ">=", 100)
        if not is_isolated:
            return
        pinned = result.of(but=faulty, since=since, until=until, pinned=True)
        mixed = result.of(but=faulty, since=since, until=until, pinned=False)
        if len(faulty) < 4:
            self.bar("others pinned ok", round(100 * share_ok(pinned), 3), ">=", 99.99, " %")
            self.bar("others mixed ok", round(100 * share_ok(mixed), 3), ">=", 99.9, " %")
            self.time_bar("others p99", quantile(pinned, 0.99), "<=", p99)

    def share(self, server=0, since=None, until=None):
        """Events of the keys of one server."""
        return self.result.of(owner=server, since=since or self.begun, until=until or float("inf"))

    def detected(self, server, since):
        """Seconds until the first request for the server failed at once because it was known to be out."""
        return next((e[0] - since for e in self.share(server, since) if e[3] == ERROR and e[5] == "down"), None)

    def recovered(self, server, since):
        """Seconds until the first request for the server was answered again."""
        return next((e[0] - since for e in self.share(server, since) if e[3] != ERROR), None)

    def errors(self, server=None, since=None, until=None):
        return [
            e
            for e in self.result.of(owner=server, since=since or self.begun, until=until or float("inf"))
            if e[3] == ERROR
        ]

    def until_all_are_up(self, seconds=8):
        return self.rig.wait_until_all_are_up(seconds)


__all__ = ["ERROR", "MEGABYTE", "OK", "Play", "Skipped", "eventually", "quantile", "share_ok"]
