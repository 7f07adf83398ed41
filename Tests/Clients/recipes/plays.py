"""One recipe through one outage and the return: what its client sees of the failing server's keys, and of the others.

    all up ─▶ a server hangs, is gone, or the proxy is restarted ─▶ it returns ─▶ all keys are read, written, read
"""

import os
import random
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from cast import RECIPES
from expected import Expected, Lossy
from libraries import HERE as OUTAGE
from libraries import environment
from outages import Cluster, Program
from servers import LOOPBACK, REPOSITORY, Process

COUNT = 60
# Requests a second at most.
PACE = 100
START_LIMIT = 60
RETURN_LIMIT = 12
# From `up` until the proxy has deleted the copies on the stand-ins: two request_timeouts and more.
CLEANING = 2
# How soon its client must use a proxy that was away.
RECOVERY = 2.5


@dataclass
class Outcome:
    """Answers for the failing server's keys, the longest wait for any, and what was wrong.

    After the return `there` of its `failing` keys have a value.
    """

    given: int = 0
    lost: int = 0
    errors: int = 0
    longest: float = 0
    there: int = 0
    failing: int = 0
    wrong: Counter = field(default_factory=Counter)


class RecipeCluster(Cluster):
    """ringroad with the page's file; its servers and port replaced."""

    def configuration(self, settings):
        with open(os.path.join(RECIPES, "ringroad.yml")) as file:
            text = file.read().replace("11311", str(self.port))
        for number, server in enumerate(self.servers, 1):
            text = text.replace(f"10.0.0.{number}:11211", f"{LOOPBACK}:{server.port}")
        # Of each pool.
        return text.replace("    servers:", f"    {settings}\n    servers:") if settings else text


class RecipePlay:
    """One recipe in one outage: `hangs`, `gone` or `proxy`."""

    def __init__(self, recipe, kind, seconds, binary, settings, seed):
        self.recipe, self.kind, self.seconds = recipe, kind, seconds
        self.dice = random.Random(seed)
        self.outcome = Outcome()
        self.serial = 0
        self.names = [recipe.keys.format(number) for number in range(COUNT)]
        self.stored = {name: recipe.stored.format(name) for name in self.names}
        self.program = None
        self.cluster = RecipeCluster(binary, settings, list(self.stored.values()))
        try:
            self.failing = self.dice.choice(self.cluster.servers)
            theirs = set(self.cluster.keys_of(self.failing))
            self.lost = [name for name in self.names if self.stored[name] in theirs]
            self.exact, self.lossy = self.models()
            self.forgetful = set()
            folder = os.path.join(self.cluster.folder.name, "recipe")
            self.copy(folder)
            path = os.pathsep.join([folder, OUTAGE, os.path.join(REPOSITORY, "Tests", "Differential")])
            settings = {**environment(), "PYTHONPATH": path, "OUTAGE": OUTAGE}
            self.program = Program(recipe.program(folder), self.cluster.port, settings)
        except BaseException:
            self.end()
            raise

    def models(self):
        """What is expected of the healthy servers' keys, and of the others."""
        counts = "incr" in dict(self.recipe.requests)
        # Clients that hide errors say "no" while the proxy is away, and have deleted nothing.
        keeps = self.recipe.is_held or self.kind == "proxy"
        return Expected(counts), Lossy(keeps, counts)

    def copy(self, folder):
        """The recipes' files with the port of this proxy in the place of the page's."""
        shutil.copytree(RECIPES, folder, ignore=shutil.ignore_patterns("__pycache__"))
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            with open(path) as file:
                text = file.read()
            with open(path, "w") as file:
                file.write(text.replace("11311", str(self.cluster.port)))

    def run(self):
        if self.program.line(START_LIMIT) != "ready":
            raise RuntimeError(f"the recipe's program does not start: {self.program.last_words}")
        for name in self.names:
            self.judge(self.first(name))
        self.outcome.longest = 0
        if self.kind == "proxy":
            self.may_forget(self.names)
            self.restart_proxy()
        else:
            if not self.recipe.is_backed:
                self.may_forget(self.lost)
            self.fail_server()
        self.read_all()
        return self.outcome

    def may_forget(self, names):
        self.forgetful = set(names)
        self.lossy.values.update({name: self.exact.values.pop(name) for name in names})

    def first(self, name):
        """The request that makes a key."""
        words = dict(self.recipe.requests)
        if "set" in words:
            return ["set", name, "first"]
        return ["add", name, "held"] if "add" in words else ["incr", name, "1"]

    def fail_server(self):
        hangs = self.kind == "hangs"
        self.failing.child.send_signal(signal.SIGSTOP if hangs else signal.SIGKILL)
        if not hangs:
            self.failing.child.wait()
        self.go_on(self.seconds)
        if hangs:
            self.failing.child.send_signal(signal.SIGCONT)
        else:
            again = Process(self.failing.child.args, self.failing.port)
            self.cluster.kept(again)
        deadline = time.monotonic() + RETURN_LIMIT
        while not self.is_up():
            if time.monotonic() > deadline:
                self.outcome.wrong[f"the server is not used again within {RETURN_LIMIT} s"] += 1
                return
            self.go_on(0.2)
        self.go_on(CLEANING)

    def is_up(self):
        rows = self.cluster.stats()
        states = [value for name, value in rows.items() if name.endswith(f"{LOOPBACK}:{self.failing.port}")]
        return set(states) == {"up"}

    def restart_proxy(self):
        """While it is away a client may get anything but a wrong value."""
        proxy = self.cluster.proxy
        proxy.child.send_signal(signal.SIGTERM)
        proxy.child.wait(10)
        self.go_on(self.seconds)
        self.cluster.kept(Process(proxy.child.args, self.cluster.port))
        self.go_on(RECOVERY)

    def go_on(self, seconds):
        """Requests for that long."""
        words, weights = zip(*self.recipe.requests)
        start, count = time.monotonic(), 0
        while time.monotonic() < start + seconds:
            name, word = self.dice.choice(self.names), self.dice.choices(words, weights)[0]
            self.serial += 1
            value = {"set": f"value-{self.serial}", "add": "held", "incr": "1"}.get(word)
            answer = self.judge([word, name, value] if value else [word, name])
            if name in self.lost:
                self.count(answer)
            count += 1
            time.sleep(max(0, start + count / PACE - time.monotonic()))

    def count(self, answer):
        kind = answer.partition(" ")[0]
        self.outcome.errors += kind == "error"
        self.outcome.lost += kind == "no"
        self.outcome.given += kind in ("yes", "value")

    def ask(self, request):
        start = time.monotonic()
        answer = self.program.answer(request)
        self.outcome.longest = max(self.outcome.longest, time.monotonic() - start)
        if answer is None:
            raise RuntimeError(f"no answer to {request[0]}, or ended: {self.program.last_words}")
        return answer

    def judge(self, request):
        """The answer; counted if it is wrong."""
        answer = self.ask(request)
        model = self.lossy if request[1] in self.forgetful else self.exact
        if not model.is_right(request, answer):
            self.outcome.wrong[f"{request[0]}: {answer}"] += 1
        return answer

    def read_all(self):
        """After the return: nothing old, and every key can be written."""
        self.outcome.failing = len(self.lost)
        self.outcome.there = sum(self.judge(["get", name]).startswith("value") for name in self.lost)
        if "set" not in dict(self.recipe.requests):
            return
        for name in self.names:
            for request, wanted in ((["set", name, "last"], "yes"), (["get", name], "value last")):
                answer = self.judge(request)
                if answer != wanted:
                    self.outcome.wrong[f"after the return {request[0]}: {answer}"] += 1

    def end(self):
        if self.program:
            self.program.end()
        self.cluster.end()


def play(*arguments):
    """The outcome of one recipe in one outage; everything that it started has ended."""
    one = RecipePlay(*arguments)
    try:
        return one.run()
    finally:
        one.end()
