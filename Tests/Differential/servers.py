"""The processes that take part: real memcacheds and ringroad, all on loopback, all ended with us."""

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

LOOPBACK = "127.0.0.1"
# The memcached that is compared with, and that stands behind ringroad.
MEMCACHED = os.environ.get("MEMCACHED", "memcached")
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def memcached_version():
    """Its version, as three numbers."""
    said = subprocess.run([MEMCACHED, "-V"], capture_output=True, text=True, check=True).stdout
    return tuple(int(number) for number in re.findall(r"\d+", said)[:3])


def free_port():
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return one.getsockname()[1]


def end_with_parent():
    """Run in the child: the kernel ends it should its parent die first."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Process:
    """One server process that listens on a port of its own; it says nothing and ends when told."""

    def __init__(self, command, port, errors=subprocess.DEVNULL):
        self.port = port
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            preexec_fn=end_with_parent,
        )
        self.wait_until_it_answers()

    def wait_until_it_answers(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise RuntimeError(f"{self.child.args[0]} ended with {self.child.returncode}")
            try:
                with socket.create_connection((LOOPBACK, self.port), 1) as one:
                    one.sendall(b"version\r\n")
                    if one.recv(100).startswith(b"VERSION"):
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"{self.child.args[0]} does not answer")

    @property
    def last_words(self):
        """How it ended."""
        return f"{os.path.basename(self.child.args[0])} ended with {self.child.returncode}"

    @property
    def is_alive(self):
        return self.child.poll() is None

    def end(self):
        if self.is_alive:
            self.child.kill()
        self.child.wait()


def memcached(options=()):
    port = free_port()
    command = [MEMCACHED, "-l", LOOPBACK, "-p", str(port), "-U", "0", "-m", "64", "-t", "1"]
    if os.getuid() == 0:
        command += ["-u", "root"]
    return Process(command + list(options), port)


def default_binary():
    return os.path.join(REPOSITORY, ".build", "release", "ringroad")


class Ringroad(Process):
    """ringroad in front of some memcacheds, with deadlines that a busy machine does not reach."""

    def __init__(self, binary, ports):
        self.folder = tempfile.mkdtemp(prefix="ringroad-differential-")
        port = free_port()
        path = os.path.join(self.folder, "ringroad.yml")
        with open(path, "w") as file:
            file.write(f"listen: {LOOPBACK}:{port}\nthreads: 1\n")
            file.write("servers: [" + ", ".join(f"{LOOPBACK}:{p}" for p in ports) + "]\n")
            file.write("connect_timeout: 5s\nrequest_timeout: 10s\n")
        self.errors = open(os.path.join(self.folder, "errors"), "w+b")
        super().__init__([binary, "--config", path, "--admin", "off"], port, self.errors)

    @property
    def last_words(self):
        self.errors.seek(0)
        text = self.errors.read().decode(errors="replace")
        return super().last_words + "\n" + text[-6000:]

    def end(self):
        super().end()
        self.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)
