"""Four memcacheds, a relay in front of each, one ringroad: what a row of the table is played on."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Differential"))
from servers import LOOPBACK, Process, default_binary, end_with_parent  # noqa: E402

from relay import Relay  # noqa: E402

SERVERS = 4
# The bars' setting: what a client sees of a failure is an error line, and keys stay where they are.
STRICT = {
    "request_timeout": "500ms",
    "connect_timeout": "200ms",
    "probe_interval": "1s",
    "probe_max": "1s",
    "failures": "3",
    "on_failure": "fail_fast",
    "reads_on_failure": "error",
    "writes_on_failure": "error",
}
# ringroad's own defaults: eject, miss for reads and writes, invalidate.
DEFAULTS = {"probe_max": "1s"}


def quiet_port():
    """A free port below those that the kernel gives to connections: it can be listened on again."""
    while True:
        port = random.SystemRandom().randrange(18000, 31000)
        with socket.socket() as one:
            try:
                one.bind((LOOPBACK, port))
                return port
            except OSError:
                continue


def eventually(seconds, condition, pause=0.01):
    """How long it took, or None."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if condition():
            return time.monotonic() - begin
        time.sleep(pause)
    return None


class Memcached:
    """One memcached that can be killed, stopped and started again on its port."""

    def __init__(self, port=None, options=()):
        self.port = port or quiet_port()
        self.options = list(options)
        self.start()

    def start(self):
        command = ["memcached", "-l", LOOPBACK, "-p", str(self.port), "-U", "0", "-t", "1", "-c", "4096"]
        command += self.options if "-m" in self.options else ["-m", "64", *self.options]
        if os.getuid() == 0:
            command += ["-u", "root"]
        self.process = Process(command, self.port)

    @property
    def pid(self):
        return self.process.child.pid

    def kill(self):
        self.process.end()

    def stop(self):
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def end(self):
        if self.process.is_alive:
            self.go_on()
        self.process.end()


class Proxy:
    """One ringroad, its file and its log."""

    def __init__(
        self,
        binary,
        servers,
        settings,
        *,
        threads=2,
        head="",
        wrap=(),
        environment=None,
        errors=None,
        files=None,
        host=LOOPBACK,
        handed=None,
        flags=("--admin", "off"),
    ):
        """`handed`: a listening socket that it takes over, as from systemd."""
        self.folder = tempfile.mkdtemp(prefix="ringroad-faults-")
        self.path = os.path.join(self.folder, "ringroad.yml")
        self.log_path = os.path.join(self.folder, "log")
        self.port = handed.getsockname()[1] if handed else quiet_port()
        self.servers = [f"{host}:{port}" for port in servers]
        self.settings = dict(settings)
        self.threads = threads
        self.head = head
        self.binary = binary
        with open(self.path, "w") as file:
            file.write(self.text())
        self.errors = errors if errors is not None else open(self.log_path, "w+b")
        limit = ["prlimit", f"--nofile={files}:{files}"] if files else []
        hand = []
        if handed:
            hand = ["sh", "-c", f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{handed.fileno()}', "sh"]
        self.child = subprocess.Popen(
            [*limit, *wrap, *hand, binary, "--config", self.path, *flags],
            pass_fds=[handed.fileno()] if handed else (),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            env={**os.environ, **(environment or {})},
            preexec_fn=end_with_parent,
        )
        up = eventually(10, lambda: self.child.poll() is not None or self.answers())
        if up is None or not self.is_alive:
            raise RuntimeError(f"ringroad does not start: {self.log}")

    def text(self, **changes):
        settings = {**self.settings, **changes}
        lines = [f"listen: {LOOPBACK}:{self.port}", f"threads: {self.threads}"]
        lines += ["servers: [" + ", ".join(self.servers) + "]"]
        lines += [f"{name}: {value}" for name, value in settings.items()]
        return "\n".join(lines) + "\n" + self.head

    def replace(self, text):
        """Another file in its place, at once."""
        mode = "wb" if isinstance(text, bytes) else "w"
        with open(self.path + ".new", mode) as file:
            file.write(text)
        os.rename(self.path + ".new", self.path)

    @property
    def pid(self):
        return self.child.pid

    @property
    def is_alive(self):
        return self.child.poll() is None

    def connect(self, patience=5):
        one = socket.create_connection((LOOPBACK, self.port), patience)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return one

    def ask(self, request, end=b"\r\n", patience=5):
        with self.connect(patience) as one:
            one.sendall(request)
            answer = b""
            while not answer.endswith(end):
                more = one.recv(65536)
                if not more:
                    break
                answer += more
            return answer

    def answers(self):
        try:
            return self.ask(b"mn\r\n", patience=1) == b"MN\r\n"
        except OSError:
            return False

    def numbers(self):
        """`stats ringroad`; what the workers counted is a tenth of a second old."""
        rows = re.findall(rb"STAT (\S+) (.*)\r\n", self.ask(b"stats ringroad\r\n", b"END\r\n"))
        return {name.decode(): int(text) if text.isdigit() else text.decode() for name, text in rows}

    def most_memory(self, idle, clients):
        """What docs/LIMITS.md promises, in bytes."""
        return idle + self.numbers()["memory_limit"] * 5 // 4 + 8192 * clients

    def standings(self):
        rows = self.numbers()
        return [
            next((v for k, v in rows.items() if k.startswith("server:") and k.endswith(s)), None) for s in self.servers
        ]

    def route(self, keys):
        """The place in the list of servers of each key's owner."""
        out = subprocess.run(
            [self.binary, "route", "--config", self.path, *keys], capture_output=True, text=True, check=True, timeout=30
        ).stdout
        owners = {}
        for line in out.splitlines():
            words = line.split()
            owners[words[0]] = self.servers.index(words[-1])
        return owners

    @property
    def log(self):
        try:
            with open(self.log_path, errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def rss(self):
        return status_of(self.pid, "VmRSS") * 1024

    def files(self):
        try:
            return len(os.listdir(f"/proc/{self.pid}/fd"))
        except OSError:
            return 0

    def cpu(self):
        """Seconds on a CPU so far, all threads."""
        total = 0
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{thread}/schedstat") as file:
                    total += int(file.read().split()[0])
            except OSError:
                pass
        return total / 1e9

    def end(self):
        if self.is_alive:
            self.child.kill()
        self.child.wait()
        if hasattr(self.errors, "close"):
            self.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def status_of(pid, name):
    try:
        with open(f"/proc/{pid}/status") as file:
            found = re.search(rf"^{name}:\s+(\d+)", file.read(), re.M)
            return int(found[1]) if found else 0
    except OSError:
        return 0


class Sampler(threading.Thread):
    """The most memory and descriptors that a process had while this ran."""

    def __init__(self, proxy):
        super().__init__(daemon=True)
        self.proxy = proxy
        self.base = proxy.rss()
        self.most = self.base
        self.most_files = 0
        self.is_over = False
        self.start()

    def run(self):
        while not self.is_over:
            self.most = max(self.most, self.proxy.rss())
            self.most_files = max(self.most_files, self.proxy.files())
            time.sleep(0.05)

    def end(self):
        self.is_over = True
        self.join()
        return self.most - self.base


class Rig:
    """All of it. Rows about processes talk to the memcacheds without a relay between."""

    def __init__(self, binary=None, settings=STRICT, *, seed=1, relayed=False, server_options=None, count=SERVERS, **proxy):
        self.servers = []
        self.relay = None
        self.proxy = None
        self.settings = settings
        try:
            for i in range(count):
                self.servers.append(Memcached(options=(server_options or {}).get(i, ())))
            ports = [server.port for server in self.servers]
            if relayed:
                self.relay = Relay(ports, seed)
                ports = self.relay.ports
            self.proxy = Proxy(binary or default_binary(), ports, settings, **proxy)
        except BaseException:
            self.end()
            raise

    @property
    def ejects(self):
        return self.settings.get("on_failure", "eject") == "eject"

    @property
    def hides_failed_writes(self):
        return self.settings.get("writes_on_failure", "miss") == "miss"

    def wait_until_all_are_up(self, seconds=8):
        return eventually(seconds, lambda: set(self.proxy.standings()) == {"up"}, 0.05)

    def end(self):
        for part in (self.proxy, self.relay, *self.servers):
            if part:
                part.end()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
