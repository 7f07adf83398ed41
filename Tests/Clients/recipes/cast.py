"""The recipes of docs/CLIENTS.md: each a client's program with the page's settings, and what it is asked."""

import os
from dataclasses import dataclass
from typing import Callable

from libraries import HERE as OUTAGE
from libraries import REPOSITORY, SPYMEMCACHED, Absent, needs, said_by

RECIPES = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.join(REPOSITORY, ".build", "test-venv", "bin", "python")
CACHE = {"get": 45, "set": 45, "delete": 10}


@dataclass(frozen=True)
class Recipe:
    """`program` gives the command, without the port, when the files are in a folder; or raises Absent."""

    name: str
    program: Callable[[str], list]
    # The key in memcached of what the program calls `name-1`, and so on.
    stored: str = "{}"
    keys: str = "page-{}"
    # How often each request is drawn.
    requests: tuple = tuple(CACHE.items())
    # The longest wait for an answer while a server fails.
    seconds: float = 1.2
    # Whether nothing is lost while a server is out, because the values are in a database, too.
    is_backed: bool = False
    # Whether the pool has on_failure: fail_fast, so that what a server holds outlives its pause.
    is_held: bool = False

    @property
    def outages(self):
        # What the database gets while the proxy is away does not reach the cache, which then has old values.
        return ("hangs", "gone") if self.is_backed else ("hangs", "gone", "proxy")


def php(script, *options):
    def program(folder):
        needs("php")
        if said_by("php", "-r", 'extension_loaded("memcached") || exit(1);') is None:
            raise Absent("php has no extension memcached")
        found = [part.format(folder=folder) for part in options]
        return ["php", "-d", "display_errors=stderr", *found, os.path.join(folder, script)]

    return program


def python(script, *arguments):
    def program(folder):
        if not os.path.exists(PYTHON):
            raise Absent("there is no .build/test-venv: make venv")
        return [PYTHON, os.path.join(folder, script), *arguments]

    return program


# Where nginx is, and a user's path is not.
os.environ["PATH"] += ":/usr/sbin"


def nginx(folder):
    needs("nginx")
    return python("nginx_pages.py")(folder)


def rails(folder):
    needs("ruby")
    version = said_by("ruby", "-e", 'require "active_support"; require "dalli"; puts Dalli::VERSION')
    if version is None:
        raise Absent("ruby has no active_support, or no dalli")
    if tuple(int(part) for part in version.split(".")[:2]) < (3, 2):
        raise Absent(f"dalli {version} speaks the binary protocol only")
    return ["ruby", os.path.join(folder, "rails_cache.rb")]


def java(folder):
    needs("javac")
    if not os.path.exists(SPYMEMCACHED):
        raise Absent("spymemcached is not installed")
    sources = [os.path.join(OUTAGE, "WithSpymemcached.java"), os.path.join(folder, "Spymemcached.java")]
    if said_by("javac", "-cp", SPYMEMCACHED, "-d", folder, *sources) is None:
        raise Absent("its program does not compile")
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{SPYMEMCACHED}:{folder}", "Spymemcached"]


# A request for a session takes and releases its lock, which may be on another server.
SESSION = 4
CAST = [
    Recipe("PHP, sessions", php("php_sessions.php", "-c", "{folder}/php_sessions.ini"), "memc.sess.key.{}",
           "session-{}", seconds=SESSION),
    Recipe("PHP, cache", php("php_cache.php")),
    Recipe("Python, locks", python("pymemcache_locks.py"), keys="lock:{}",
           requests=(("add", 50), ("delete", 30), ("get", 20)), is_held=True),
    Recipe("Python, counters", python("pymemcache_locks.py"), keys="count:{}", requests=(("incr", 80), ("get", 20)),
           seconds=2.4, is_held=True),
    Recipe("Django, cache", python("django_cache.py", "default", "cache"), ":1:{}", seconds=2.4),
    Recipe("Django, cache, pylibmc", python("django_cache.py", "pylibmc", "cache"), ":1:{}", seconds=2.4),
    Recipe("Django, sessions", python("django_cache.py", "default", "sessions"),
           ":1:django.contrib.sessions.cached_db{}", "session-{}", seconds=2.4, is_backed=True),
    Recipe("Rails, cache", rails),
    Recipe("nginx, pages", nginx, "page:/{}"),
    Recipe("Java, cache", java),
]
