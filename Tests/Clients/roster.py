"""Which clients take part, how each is run against a port, and how what it says is read."""

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree
from dataclasses import dataclass
from typing import Callable

import suites

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
PYTHON = os.path.join(REPOSITORY, ".build", "test-venv", "bin", "python")
GEMS = os.path.join(REPOSITORY, ".build", "clients-gems")
LIMIT = 120


@dataclass(frozen=True)
class Outcome:
    """What one run of a client said: which checks passed, and of the others why not."""

    passed: frozenset
    failed: dict


@dataclass(frozen=True)
class Client:
    name: str
    run: Callable[[int], Outcome]
    # Why it cannot be run on this machine, or None.
    absence: Callable[[], str | None] = lambda: None
    is_short: bool = False
    # Where ringroad means to answer otherwise (docs/PROTOCOL.md): a pattern of the check's name, and why.
    departures: tuple = ()


def output_of(command, folder=REPOSITORY, settings=None):
    """Everything it said, and how it ended in a word if it did not end by itself or was killed."""
    environment = {**os.environ, "GEM_PATH": GEMS, **(settings or {})}
    child = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )
    try:
        said, _ = child.communicate(timeout=LIMIT)
        end = f"killed by signal {-child.returncode}" if child.returncode < 0 else None
    except subprocess.TimeoutExpired:
        # Its own group, with whatever it has started.
        os.killpg(child.pid, 9)
        said, _ = child.communicate()
        end = f"not at its end after {LIMIT} s"
    return said.decode(errors="replace"), end


def outcome(passed, failed, said, end):
    if end is not None:
        failed["to its end"] = end
    elif not passed and not failed:
        failed["to its end"] = said.strip()[-300:] or "it said nothing"
    return Outcome(frozenset(passed), failed)


def everyday(command):
    """A script in everyday/: lines `ok NAME` and `not ok NAME: why`."""

    def run(port):
        said, end = output_of([*command, str(port)])
        passed = re.findall(r"^ok (.*)$", said, re.M)
        failed = dict(re.findall(r"^not ok (.*?): ((?:got|exit|it|test|grep|cmp) .*)$", said, re.M))
        return outcome(passed, failed, said, end)

    return run


def script(name):
    return os.path.join(HERE, "everyday", name)


def memccapable(port):
    """libmemcached's own test of a server: `ascii get   [pass]`."""
    said, end = output_of(["memccapable", "-h", "127.0.0.1", "-p", str(port), "-a", "-t", "5"])
    results = re.findall(r"^(ascii .*?)\s*\[(\w+)\]", said, re.M)
    failed = {name: word for name, word in results if word != "pass"}
    return outcome([name for name, word in results if word == "pass"], failed, said, end)


def suite(name):
    """A library's own tests, fetched when they are wanted, run by pytest and read from its report."""

    def run(port):
        folder, arguments, settings = suites.prepared(name, port)
        report = os.path.join(folder, f"report-{port}.xml")
        said, end = output_of(
            [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}", *arguments],
            folder, settings,
        )
        passed, failed = [], {}
        if os.path.exists(report):
            for case in xml.etree.ElementTree.parse(report).iter("testcase"):
                test = f"{case.get('classname')}.{case.get('name')}"
                bad = [part for part in case if part.tag in ("failure", "error")]
                if bad:
                    failed[test] = (bad[0].get("message") or "").replace("\n", " ")
                elif case.find("skipped") is None:
                    passed.append(test)
        shutil.rmtree(folder, ignore_errors=True)
        return outcome(passed, failed, said, end)

    return run


def django_suite(port):
    """Django's own tests of its memcached backends: unittest's `test_x (module.Class.test_x) ... ok`."""
    folder, command, settings = suites.prepared("django", port)
    said, end = output_of([PYTHON, *command], folder, settings)
    shutil.rmtree(os.path.dirname(folder), ignore_errors=True)
    results = re.findall(r"^(test_\w+) \((.*?)\).*?\.\.\. (ok|FAIL|ERROR)$", said, re.M | re.S)
    failed = {}
    for _, name, word in results:
        if word != "ok":
            failed[name] = word
    return outcome([name for _, name, word in results if word == "ok"], failed, said, end)


def without_suite(name):
    return lambda: None if suites.fetched(name) else "its source package could not be fetched"


def without_command(name):
    return lambda: None if shutil.which(name) else f"there is no {name}"


def without_php():
    if not shutil.which("php"):
        return "there is no php"
    said, _ = output_of(["php", "-r", 'echo extension_loaded("memcached") ? "with it" : "without";'])
    return None if said.endswith("with it") else "php has no memcached extension"


def without_dalli():
    if not shutil.which("ruby"):
        return "there is no ruby"
    said, _ = output_of(["ruby", "-e", 'require "dalli"; puts Gem::Version.new(Dalli::VERSION) >= Gem::Version.new("3.2")'])
    return None if said.strip().endswith("true") else "dalli 3.2 or later could not be installed (Debian's knows the binary protocol only)"


def python(name):
    return everyday([PYTHON, script(f"with_{name}.py")])


CLIENTS = [
    Client("pymemcache", python("pymemcache"), is_short=True),
    Client("pylibmc", python("pylibmc"), is_short=True),
    Client("python-memcached", python("python_memcached"), is_short=True),
    Client("aiomcache", python("aiomcache"), is_short=True),
    Client("Django", python("django"), is_short=True),
    Client("php-memcached", everyday(["php", script("with_memcached.php")]), without_php, is_short=True),
    Client("dalli", everyday(["ruby", script("with_dalli.rb")]), without_dalli, is_short=True),
    Client("memccapable", memccapable, without_command("memccapable"), is_short=True),
    Client(
        "libmemcached tools",
        everyday(["sh", script("with_tools.sh")]),
        without_command("memcstat"),
        is_short=True,
    ),
    Client(
        "pymemcache's tests",
        suite("pymemcache"),
        without_suite("pymemcache"),
        departures=((r"test_integration\.test_misc", "cache_memlimit acts on one server as a whole: refused by name"),),
    ),
    Client("python-memcached's tests", suite("python-memcached"), without_suite("python-memcached")),
    Client("pylibmc's tests", suite("pylibmc"), without_suite("pylibmc")),
    Client("Django's tests", django_suite, without_suite("django")),
]
