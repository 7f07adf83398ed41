#!/usr/bin/env python3
"""A binary built with a sanitizer, under load: two workers, reloads, a server that dies and comes back, SIGTERM.

    load.py BINARY

Every answer is checked by the load generator. Exit 1 if one was wrong, if the sanitizer found something, or if
the proxy did not end as it should.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, os.pardir, "Differential"))

from servers import LOOPBACK, REPOSITORY, Process, free_port  # noqa: E402

TOOLS = os.path.join(REPOSITORY, "Benchmarks", "build")
SECONDS = 4
LOADS = {
    "gets, many at once": ["--connections", "20", "--depth", "8"],
    "gets and sets, one by one": ["--connections", "100", "--gets", "70"],
    "gets of 24 keys": ["--connections", "10", "--keys-per-get", "24"],
}


class Stage:
    """Fake servers, which have every value, and the proxy before them."""

    def __init__(self, binary, folder):
        self.path = os.path.join(folder, "ringroad.yml")
        self.log = open(os.path.join(folder, "log"), "w+b")
        self.port = free_port()
        self.servers = [fake_server(free_port()) for _ in range(4)]
        self.configure(3)
        self.proxy = Process([binary, "--config", self.path, "--admin", "off"], self.port, self.log)

    def configure(self, count):
        servers = ", ".join(f"{LOOPBACK}:{server.port}" for server in self.servers[:count])
        with open(self.path + ".new", "w") as file:
            file.write(f"listen: {LOOPBACK}:{self.port}\nthreads: 2\nservers: [{servers}]\n")
            file.write("connect_timeout: 2s\nrequest_timeout: 5s\n")
        os.rename(self.path + ".new", self.path)

    def reload(self, count):
        self.configure(count)
        self.proxy.child.send_signal(signal.SIGHUP)

    def load(self, *options):
        words = [os.path.join(TOOLS, "loadgen"), "--port", str(self.port), "--seconds", str(SECONDS), *options]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def end(self):
        for process in [*self.servers, self.proxy]:
            process.end()
        self.log.close()


def fake_server(port):
    return Process([os.path.join(TOOLS, "fakeserver"), "--port", str(port), "--ports", "1"], port)


def played(stage):
    """What went wrong, line by line."""
    for name, options in LOADS.items():
        load = stage.load(*options)
        for count in (4, 3, 4, 3):
            time.sleep(SECONDS / 5)
            stage.reload(count)
        said, _ = load.communicate(timeout=60)
        if load.returncode != 0:
            yield f"{name}, with reloads: {said.strip()[-400:]}"
    if stage.said().count(" reload change=") < 12:
        yield "not all reloads were taken"

    # A dead server's answers are misses and errors, and nothing is asked of them but to come.
    load = stage.load("--connections", "20", "--gets", "80", "--patience", "20")
    time.sleep(SECONDS / 4)
    stage.servers[0].end()
    load.communicate(timeout=60)
    stage.servers[0] = fake_server(stage.servers[0].port)
    deadline = time.monotonic() + 30
    while stage.said().count(" server up ") == 0 and time.monotonic() < deadline:
        time.sleep(0.2)
    load = stage.load("--connections", "20")
    said, _ = load.communicate(timeout=60)
    if load.returncode != 0:
        yield f"after a server came back: {said.strip()[-400:]}"

    load = stage.load("--connections", "20", "--depth", "4")
    time.sleep(SECONDS / 2)
    stage.proxy.child.terminate()
    try:
        code = stage.proxy.child.wait(30)
        if code != 0:
            yield f"SIGTERM under load: it ended with {code}"
    except subprocess.TimeoutExpired:
        yield "SIGTERM under load: it has not ended"
    load.communicate(timeout=60)
    if "Sanitizer" in stage.said():
        yield stage.said()[-6000:]


def main():
    with tempfile.TemporaryDirectory(prefix="ringroad-sanitize-") as folder:
        stage = Stage(os.path.abspath(sys.argv[1]), folder)
        try:
            wrong = list(played(stage))
            if "-v" in sys.argv:
                print(stage.said())
        finally:
            stage.end()
    print("\n".join(wrong) or "under load: nothing found")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
