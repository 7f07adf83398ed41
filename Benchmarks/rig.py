"""The rig: processes on loopback that end with us, on ports that were free, each on its CPU."""

import ctypes
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
LOADGEN = HERE / "build" / "loadgen"
FAKESERVER = HERE / "build" / "fakeserver"

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


class Trouble(Exception):
    """Something a person must see to; the message is one line."""


class Rig:
    """Starts processes, and ends every one by its pid when the `with` block is left, whatever the reason.

    On two or more CPUs, proxies get CPU 1 and all else CPU 0: load and servers then cost the proxy nothing.
    """

    def __init__(self, pinned=True):
        cpus = sorted(os.sched_getaffinity(0))
        self.pinned = pinned and len(cpus) > 1
        self.load_cpus = {cpus[0]} if self.pinned else set(cpus)
        self.proxy_cpus = {cpus[1]} if self.pinned else set(cpus)
        self.running = []
        self.next_port = 21300

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="ringroad-bench."))
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with it ignored
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
        return self

    def __exit__(self, *_):
        # A second Ctrl-C must not leave processes behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.stop(*self.running)
        shutil.rmtree(self.directory, ignore_errors=True)

    def ports(self, count):
        """`count` neighbouring free ports below the ephemeral range.

        Where nothing else is in the way they are the same in every run, and with them each server's share
        of the ring, which hangs on its address."""
        while self.next_port + count < 32768:
            block = range(self.next_port, self.next_port + count)
            self.next_port += count
            if all(is_free(port) for port in block):
                return list(block)
        raise Trouble("no free ports")

    def start(self, name, command, proxy=False, stdout=None):
        cpus = self.proxy_cpus if proxy else self.load_cpus

        def prepare():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.sched_setaffinity(0, cpus)

        log = open(self.directory / f"{name}.log", "ab")
        try:
            process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=stdout or log, stderr=log,
                start_new_session=True, preexec_fn=prepare, text=True)
        except OSError as error:
            raise Trouble(f"{name}: {command[0]}: {error.strerror}")
        finally:
            log.close()
        process.name = name
        self.running.append(process)
        return process

    def stop(self, *processes):
        for process in processes:
            if process.poll() is None:
                process.terminate()
        for process in processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        self.running = [process for process in self.running if process not in processes]

    def log_of(self, process):
        return (self.directory / f"{process.name}.log").read_text(errors="replace").strip()[-400:]

    def wait_for(self, process, *ports):
        """Until all the ports take connections."""
        deadline = time.monotonic() + 10
        for port in ports:
            while True:
                if process.poll() is not None:
                    raise Trouble(f"{process.name} exited with {process.returncode}: {self.log_of(process)}")
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise Trouble(f"{process.name} does not listen on {port}: {self.log_of(process)}")
                    time.sleep(0.02)

    def fakeserver(self, ports, *options):
        process = self.start(f"fakeserver-{ports[0]}", [FAKESERVER, "--port", ports[0], "--ports", len(ports), *options])
        self.wait_for(process, *ports)
        return process

    def memcacheds(self, ports):
        binary = shutil.which("memcached")
        if not binary:
            raise Trouble("no memcached in PATH")
        started = []
        for port in ports:
            command = [binary, "-l", "127.0.0.1", "-p", port, "-U", 0, "-t", 1, "-m", 512, "-I", "2m", "-c", 15000]
            if os.getuid() == 0:
                command += ["-u", "root"]
            started.append(self.start(f"memcached-{port}", command))
            self.wait_for(started[-1], port)
        return started

    def start_load(self, port, *options, before=(), name="loadgen"):
        """Starts the load generator. `before`: a command to run it under."""
        return self.start(name, [*before, LOADGEN, "--port", port, *options], stdout=subprocess.PIPE)

    def end_load(self, process, patience=180):
        """Waits for a load generator; gives its report and what it complained of."""
        try:
            output, _ = process.communicate(timeout=patience)
            complaints = self.log_of(process)
            (self.directory / f"{process.name}.log").write_text("")
        finally:
            self.stop(process)
        if process.returncode not in (0, 1) or not output.strip():
            raise Trouble(f"loadgen exited with {process.returncode}: {complaints}")
        report = json.loads(output)
        report["is_sound"] = process.returncode == 0
        return report, complaints

    def load(self, port, *options, before=()):
        """Runs the load generator; gives its report and what it complained of."""
        return self.end_load(self.start_load(port, *options, before=before))


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as status:
        return next((int(line.split()[1]) for line in status if line.startswith("VmRSS:")), 0)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False
