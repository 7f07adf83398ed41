"""What the dashboard of a real proxy shows: memcacheds, a ringroad before them, a steady load. All of it ends with us."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Behind this folder's own files, some of which have the same names.
sys.path.append(str(ROOT / "Tests/Faults"))
from rig import LOOPBACK, Memcached, Proxy, end_with_parent, eventually, quiet_port  # noqa: E402

BINARY = os.environ.get("RINGROAD_BINARY") or str(ROOT / ".build/release/ringroad")
TOKEN = "a token of the test"


class Stage:
    """`servers` memcacheds, one more that waits for a reload, and the proxy. `with Stage() as stage:` ends all of it."""

    def __init__(self, servers=3, rate=3000):
        self.rate = rate
        self.bench = None
        self.proxy = None
        self.servers = []
        self.admin_port = quiet_port()
        self.url = f"http://{LOOPBACK}:{self.admin_port}"
        try:
            self.servers = [Memcached() for _ in range(servers + 1)]
            self.proxy = RealProxy([server.port for server in self.servers[:servers]], self.admin_port)
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.stop_load()
        for part in (self.proxy, *self.servers):
            if part:
                part.end()

    @property
    def names(self):
        return [f"{LOOPBACK}:{server.port}" for server in self.servers]

    def start_load(self):
        """Open loop: a proxy or a server that is slow gets no fewer requests."""
        self.bench = subprocess.Popen(
            [BINARY, "bench", "--rate", str(self.rate), "--zipf", "0.99", "--writes", "20%", "--keys", "2000", "--connections", "20",
             "--size", "50-2000", "--seconds", "3600", f"{LOOPBACK}:{self.proxy.port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent)

    def stop_load(self):
        if self.bench is not None:
            self.bench.kill()
            self.bench.wait()
            self.bench = None

    def add_fourth_server(self):
        self.proxy.servers = self.names
        self.proxy.replace(self.proxy.text())

    def mark(self, name, how):
        """As an operator does, with the token."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/servers/{name}/mark", data=json.dumps({"mark": how}).encode(), headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as reply:
            return reply.status

    def route(self, keys):
        """The owner of each key, as `ringroad route` prints it."""
        said = subprocess.run([BINARY, "route", "--config", self.proxy.path, *keys], capture_output=True, text=True, check=True, timeout=30)
        return dict(line.split("\t")[:2] for line in said.stdout.splitlines())


class RealProxy(Proxy):
    """With two pools, which share two servers, and the admin interface with a token."""

    def __init__(self, ports, admin_port):
        self.admin_port = admin_port
        super().__init__(BINARY, ports, {}, flags=())

    def text(self):
        token = pathlib.Path(self.folder) / "token"
        token.write_text(TOKEN + "\n", encoding="utf-8")
        return "\n".join([
            f"listen: {LOOPBACK}:{self.port}", "threads: 2", "pools:",
            f"  main: {{servers: [{', '.join(self.servers)}], probe_max: 1s}}",
            f"  sessions: {{servers: [{', '.join(self.servers[:2])}], probe_max: 1s}}",
            "routes:", '  - {prefix: "session:", pool: sessions}', "  - {pool: main}",
            f"admin: {{address: '{LOOPBACK}:{self.admin_port}', token: {{file: {token}}}}}", ""])

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(10)

    def start(self):
        self.child = subprocess.Popen(
            [self.binary, "--config", self.path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors,
            preexec_fn=end_with_parent)
        if eventually(10, self.answers) is None:
            raise RuntimeError(f"ringroad does not start again: {self.log}")
