"""A small real cluster with the traffic of a made-up shop, for pictures of its dashboard."""
import bisect
import itertools
import math
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time

from stage import BINARY, LOOPBACK, end_with_parent, eventually, quiet_port

POOLS = {"main": [f"127.0.1.{i}:11211" for i in range(1, 5)], "sessions": ["127.0.2.1:11211", "127.0.2.2:11211"]}
SETTLED = 4  # seconds from the start of all to the traffic
NAMES = ["front:page:en", "product:88172", "menu:de", "flags:all", "price:EUR", "cart:5512", "user:1", "feed:top", "product:1204", "user:20733"]


def start(*command, **more):
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent, **more)


class Scene:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ringroad-scene-")
        self.children = {}
        self.end_of_traffic = threading.Event()
        for name in itertools.chain(*POOLS.values()):
            host, port = name.split(":")
            self.children[name] = start("memcached", "-l", host, "-p", port, "-U", "0", "-t", "1", "-m", "64", *(["-u", "root"] if os.getuid() == 0 else []))
        self.port, admin = quiet_port(), quiet_port()
        self.url = f"http://{LOOPBACK}:{admin}"
        path = pathlib.Path(self.folder.name) / "ringroad.yml"
        pools = "".join(f"  {pool}: {{servers: [{', '.join(servers)}]}}\n" for pool, servers in POOLS.items())
        path.write_text(f"listen: {LOOPBACK}:{self.port}\nthreads: 2\npools:\n{pools}routes:\n"
                        f"  - {{prefix: 'session:', pool: sessions}}\n  - {{pool: main}}\nadmin: {LOOPBACK}:{admin}\n", encoding="utf-8")
        # The path is on the page.
        self.children["proxy"] = start(BINARY, "--config", path.name, cwd=self.folder.name)
        eventually(10, self.answers)
        time.sleep(SETTLED)
        for seed in range(10):
            threading.Thread(target=self.shop, args=(random.Random(seed),), daemon=True).start()

    def answers(self):
        try:
            socket.create_connection((LOOPBACK, self.port), 1).close()
            return True
        except OSError:
            return False

    def signal(self, name, number):
        self.children[name].send_signal(number)

    def end(self):
        self.end_of_traffic.set()
        for child in self.children.values():
            child.send_signal(signal.SIGCONT)
            child.kill()
            child.wait()
        self.folder.cleanup()

    def shop(self, random):
        """Reads; what is missing is written, as an application with a database does. Some values change."""
        keys = [*NAMES, *(f"product:{i * 37}" for i in range(6000))]
        sums = list(itertools.accumulate(1 / (i + 3) ** 0.9 for i in range(len(keys))))
        with socket.create_connection((LOOPBACK, self.port), 20) as wire:
            replies = wire.makefile("rb")
            due = time.monotonic()
            while not self.end_of_traffic.is_set():
                key = keys[bisect.bisect(sums, random.random() * sums[-1])] if random.random() < 0.7 else f"session:{random.randrange(900):06x}"
                is_write = random.random() < 0.06
                if not is_write:
                    wire.sendall(f"get {key}\r\n".encode())
                    is_write = not self.read_value(replies)
                if is_write:
                    size = 200 + hash(key) % 3000
                    wire.sendall(f"set {key} 0 {random.randrange(60, 400)} {size}\r\n".encode() + b"v" * size + b"\r\n")
                    replies.readline()
                rate = 150 * (1 + 0.18 * math.sin(time.time() / 41) + 0.06 * math.sin(time.time() / 9))
                due = max(due + 1 / rate, time.monotonic() - 0.2)
                time.sleep(max(0, due - time.monotonic()))

    @staticmethod
    def read_value(replies):
        line = replies.readline()
        if not line.startswith(b"VALUE"):
            return False
        replies.read(int(line.split()[3]) + 2)
        replies.readline()
        return True
