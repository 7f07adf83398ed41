"""Clients that fill clusters of memcacheds, each with the placement that it uses."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile

import memcache
import pylibmc
from pymemcache.client.hash import HashClient

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, os.pardir, "Differential"))

from servers import LOOPBACK, Process, free_port  # noqa: E402

NUTCRACKER = shutil.which("nutcracker") or "/usr/sbin/nutcracker"


class Filler:
    """A client; `expected` is how `ringroad adopt` names its placement, alone or among others that are the same."""

    def __init__(self, name, expected, fill, form="user:%d", names=False):
        self.name, self.expected, self.fill, self.form, self.names = name, expected, fill, form, names

    def keys(self, first, count):
        return [self.form % i if self.form.count("%d") == 1 else self.form % (i // 3, i) for i in range(first, first + count)]


def pymemcache(encode):
    def fill(addresses, keys, _):
        client = HashClient([(LOOPBACK, int(a.split(":")[1])) for a in addresses])
        for key in keys:
            assert client.set(encode(key), b"x", noreply=False)
        client.close()

    return fill


def python_memcached(addresses, keys, _):
    client = memcache.Client(addresses)
    for key in keys:
        assert client.set(key, "x")
    client.disconnect_all()


def libmemcached(behaviors):
    def fill(addresses, keys, _):
        client = pylibmc.Client(addresses, behaviors=behaviors)
        for key in keys:
            assert client.set(key, "x")
        client.disconnect_all()

    return fill


def php(mode):
    def fill(addresses, keys, _):
        text = "".join(key + "\n" for key in keys)
        subprocess.run(["php", os.path.join(HERE, "fill.php"), mode, *addresses], input=text, text=True, check=True, timeout=60)

    return fill


def twemproxy(distribution, key_hash, tag=None):
    def fill(addresses, keys, names):
        port = free_port()
        with tempfile.NamedTemporaryFile("w", prefix="ringroad-adopt-", suffix=".yml") as file:
            file.write(f"main:\n  listen: {LOOPBACK}:{port}\n  hash: {key_hash}\n  distribution: {distribution}\n")
            file.write("  auto_eject_hosts: false\n" + (f'  hash_tag: "{tag}"\n' if tag else "") + "  servers:\n")
            for i, address in enumerate(addresses):
                file.write(f"   - {address}:1" + (f" {names[i]}" if names else "") + "\n")
            file.flush()
            proxy = Process([NUTCRACKER, "-c", file.name, "-s", str(free_port()), "-a", LOOPBACK], port)
        try:
            with socket.create_connection((LOOPBACK, port), 10) as one:
                replies = one.makefile("rb")
                for key in keys:
                    one.sendall(f"set {key} 0 0 1\r\nx\r\n".encode())
                    assert replies.readline() == b"STORED\r\n"
        finally:
            proxy.end()

    return fill


def has_php():
    return subprocess.run(["php", "-r", 'exit((int)!extension_loaded("memcached"));'], capture_output=True).returncode == 0


def fillers():
    """Those that this machine has."""
    found = [
        Filler("pymemcache", "pymemcache", pymemcache(str), form="page:/a%%/%d"),
        Filler("pymemcache with bytes", "{scheme: pymemcache, keys: bytes}", pymemcache(str.encode)),
        Filler("python-memcached", "python-memcached", python_memcached, form="session|%d"),
        Filler("pylibmc", "pylibmc-default", libmemcached({}), form='it"em\\%d'),
        Filler("pylibmc, ketama", "pylibmc-ketama", libmemcached({"ketama": True})),
        Filler("pylibmc, ketama_weighted", "pylibmc-ketama-weighted", libmemcached({"ketama_weighted": True}), form="ключ:%d"),
        Filler("pylibmc, md5", "pylibmc-default, hash md5", libmemcached({"hash": "md5"})),
        Filler("pylibmc, ketama, fnv1a_32", "pylibmc-ketama, hash fnv1a_32", libmemcached({"ketama": True, "hash": "fnv1a_32"})),
    ]
    if shutil.which("php") and has_php():
        found += [
            Filler("PHP", "php-default", php("default")),
            Filler("PHP, consistent", "php-consistent", php("consistent")),
            Filler("PHP, ketama", "php-ketama", php("ketama"), form="#%d,"),
        ]
    if os.access(NUTCRACKER, os.X_OK):
        ketama, modula = "twemproxy-ketama", "twemproxy-modula"
        found += [
            Filler("twemproxy", ketama, twemproxy("ketama", "fnv1a_64")),
            Filler("twemproxy, names", ketama, twemproxy("ketama", "fnv1a_64"), names=True),
            Filler("twemproxy, murmur", f"{ketama}, hash murmur", twemproxy("ketama", "murmur")),
            Filler("twemproxy, modula", modula, twemproxy("modula", "fnv1a_64"), names=True),
            Filler("twemproxy, modula, crc16", f"{modula}, hash crc16", twemproxy("modula", "crc16")),
            Filler("twemproxy, tag", f'{ketama}, hash_tag "{{}}"', twemproxy("ketama", "fnv1a_64", "{}"), form="{%d}:%d"),
        ]
    return found
