"""The client libraries, how each one's program is started, and why one cannot be had on this machine."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Callable

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
PYTHON = os.path.join(REPOSITORY, ".build", "outage-venv", "bin", "python")
GEMS = os.path.join(REPOSITORY, ".build", "clients-gems")
BUILT = os.path.join(REPOSITORY, ".build", "outage")
SPYMEMCACHED = "/usr/share/java/spymemcached.jar"
GO = "/usr/share/gocode"
# For a version to be asked, or a program to be built.
LIMIT = 120


class Absent(Exception):
    """Why a client cannot be had on this machine."""


@dataclass(frozen=True)
class Library:
    """A client library. `program` gives the command, without the port, and the version; or raises Absent."""

    name: str
    program: Callable[[], tuple]


def environment():
    """What the clients' programs are started with. Naming a folder of gems hides some of the system's."""
    return {"GEM_PATH": GEMS} if os.path.isdir(os.path.join(GEMS, "gems")) else {}


def said_by(*command, **settings):
    """What a command prints, in one line; None when it cannot be run, or fails."""
    try:
        done = subprocess.run(
            command, cwd=REPOSITORY, env={**os.environ, **environment(), **settings}, timeout=LIMIT,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode().strip() if done.returncode == 0 else None


def needs(command):
    if not shutil.which(command):
        raise Absent(f"there is no {command}")


def python(name, package):
    def program():
        version = said_by(PYTHON, "-c", f"from importlib.metadata import version; print(version({package!r}))")
        if version is None:
            raise Absent(f"{package} could not be installed")
        return [PYTHON, os.path.join(HERE, "python_clients.py"), name], version

    return Library(name, program)


def php(extension, name):
    def program():
        needs("php")
        version = said_by("php", "-r", f'extension_loaded("{extension}") || exit(1); echo phpversion("{extension}");')
        if version is None:
            raise Absent(f"php has no extension {extension}")
        # Its warnings would be lines among the answers.
        return ["php", "-d", "display_errors=0", os.path.join(HERE, f"with_{extension}.php")], version

    return Library(name, program)


def perl(module):
    def program():
        needs("perl")
        version = said_by("perl", f"-M{module}", "-e", f"print ${module}::VERSION")
        if version is None:
            raise Absent(f"perl has no {module}")
        return ["perl", os.path.join(HERE, "with_cache_memcached.pl"), module], version

    return Library(module, program)


def dalli():
    needs("ruby")
    version = said_by("ruby", "-e", 'require "dalli"; puts Dalli::VERSION')
    if version is None:
        raise Absent("ruby has no dalli")
    if tuple(int(part) for part in version.split(".")[:2]) < (3, 2):
        raise Absent(f"dalli {version} speaks the binary protocol only")
    return ["ruby", os.path.join(HERE, "with_dalli.rb")], version


def gomemcache():
    needs("go")
    if not os.path.isdir(os.path.join(GO, "src", "github.com", "bradfitz", "gomemcache")):
        raise Absent("gomemcache is not installed")
    binary = os.path.join(BUILT, "with_gomemcache")
    os.makedirs(BUILT, exist_ok=True)
    built = said_by(
        "go", "build", "-o", binary, os.path.join(HERE, "with_gomemcache.go"),
        GO111MODULE="off", GOPATH=GO, GOCACHE=os.path.join(BUILT, "go-cache"), GOFLAGS="",
    )
    if built is None:
        raise Absent("its program does not compile")
    package = "golang-github-bradfitz-gomemcache-dev"
    return [binary], said_by("dpkg-query", "-W", "-f=${Version}", package) or "of an unknown version"


def spymemcached():
    needs("javac")
    if not os.path.exists(SPYMEMCACHED):
        raise Absent("spymemcached is not installed")
    os.makedirs(BUILT, exist_ok=True)
    source = os.path.join(HERE, "WithSpymemcached.java")
    if said_by("javac", "-cp", SPYMEMCACHED, "-d", BUILT, source) is None:
        raise Absent("its program does not compile")
    version = said_by("dpkg-query", "-W", "-f=${Version}", "libspymemcached-java") or "of an unknown version"
    # The quick compiler only: several of them start at once.
    command = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{SPYMEMCACHED}:{BUILT}", "WithSpymemcached"]
    return command, version


LIBRARIES = [
    php("memcache", "pecl-memcache"),
    php("memcached", "php-memcached"),
    python("pylibmc", "pylibmc"),
    python("libmc", "libmc"),
    python("pymemcache", "pymemcache"),
    python("pymemcache-hash", "pymemcache"),
    python("pymemcache-pooled", "pymemcache"),
    python("python-memcached", "python-memcached"),
    python("meta-memcache", "meta-memcache"),
    python("aiomcache", "aiomcache"),
    python("emcache", "emcache"),
    python("memcachio", "memcachio"),
    perl("Cache::Memcached"),
    perl("Cache::Memcached::Fast"),
    Library("dalli", dalli),
    Library("gomemcache", gomemcache),
    Library("spymemcached", spymemcached),
]
