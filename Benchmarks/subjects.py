"""The subjects: what is measured, and how each is told to do the same work.

Like placement: nutcracker and ringroad both spread keys by twemproxy's ketama ring under fnv1a_64, so that
the same requests meet the same servers in the same batches. A subject with another placement is another
subject. memcached's own proxy has that ring, but none of twemproxy's key hashes: it uses its own.
"""

import dataclasses
import os
import re
import shutil
import subprocess

from rig import FAKESERVER, Trouble

RINGROAD = """\
listen: 127.0.0.1:{port}
threads: {threads}
servers: [{servers}]
{placement}
log: {{level: warning}}
"""

NUTCRACKER = """\
bench:
  listen: 127.0.0.1:{port}
  hash: fnv1a_64
  distribution: ketama
  preconnect: true
  auto_eject_hosts: false
  timeout: 10000
  backlog: 4096
  servers:
{servers}
"""

MCPROXY = """\
function mcp_config_pools()
  local servers = {{}}
{servers}
  return mcp.pool(servers, {{ dist = mcp.dist_ring_hash, omode = "twemproxy" }})
end
function mcp_config_routes(pool)
  local route = mcp.funcgen_new()
  local handle = route:new_handle(pool)
  route:ready({{ n = "bench", f = function(rctx)
    return function(request) return rctx:enqueue_and_wait(request, handle) end
  end }})
  mcp.attach(mcp.CMD_ANY_STORAGE, route)
end
"""

KINDS = ("nutcracker", "mcproxy", "ringroad", "ringroad-md5")
THREADS = {"ringroad-t2": 2, "ringroad-t4": 4}


@dataclasses.dataclass
class Subject:
    name: str
    kind: str  # canned or one of KINDS
    binary: str
    threads: int = 1

    def start(self, rig, server_ports, workload):
        """Starts the proxy; gives the process and its port."""
        port = rig.ports(1)[0]
        process = rig.start(self.name, self.command(rig, port, server_ports, workload), proxy=True)
        rig.wait_for(process, port)
        return process, port

    def command(self, rig, port, server_ports, workload):
        addresses = [f"127.0.0.1:{server}" for server in server_ports]
        config = rig.directory / f"{self.name}.conf"
        if self.kind == "canned":
            return [self.binary, "--port", port, "--canned", workload.keys_per_get, "--value-bytes", workload.value_bytes]
        if self.kind == "nutcracker":
            config.write_text(NUTCRACKER.format(port=port, servers="\n".join(f"   - {a}:1" for a in addresses)))
            stats = rig.ports(1)[0]
            return [self.binary, "-c", config, "-s", stats, "-a", "127.0.0.1", "-v", 0, "-p", config.with_suffix(".pid"),
                    "-o", rig.directory / f"{self.name}.log"]
        if self.kind == "mcproxy":
            config.write_text(MCPROXY.format(servers="\n".join(
                f"  servers[{i}] = mcp.backend('s{i}', '127.0.0.1', '{server}')" for i, server in enumerate(server_ports, 1))))
            user = ["-u", "root"] if os.getuid() == 0 else []
            return [self.binary, *user, "-l", "127.0.0.1", "-p", port, "-U", 0, "-t", 1, "-m", 64, "-I", "2m", "-c", 15000,
                    "-o", f"proxy_config={config}"]
        placement = "placement: ketama" if self.kind == "ringroad-md5" else "placement: twemproxy-ketama\nhash: fnv1a_64"
        config.write_text(RINGROAD.format(port=port, threads=self.threads, servers=", ".join(addresses), placement=placement))
        return [self.binary, "--config", config]

    def does(self, workload, servers):
        # The canned floor has no servers, and only one answer.
        return self.kind != "canned" or (servers == "fake" and workload.gets == 100)

    def version(self):
        """What it calls itself, or nothing."""
        if self.kind == "canned":
            return ""
        shown = subprocess.run([self.binary, "--version" if self.kind.startswith("ringroad") else "-V"],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=5)
        found = re.search(r"\d+\.\d[\w.]*", shown.stdout + shown.stderr)
        return found.group() if found else ""


def find(name, ringroad, others):
    """The subject called `name`, or None where its program is not there. `others`: NAME to (KIND, PATH)."""
    if name in others:
        kind, path = others[name]
    elif name == "canned":
        kind, path = name, FAKESERVER
    elif name in ("ringroad", "ringroad-md5", *THREADS):
        kind, path = name if name in KINDS else "ringroad", ringroad
    elif name == "nutcracker":
        kind, path = name, os.environ.get("NUTCRACKER", "nutcracker")
    elif name == "mcproxy":
        kind, path = name, os.environ.get("MCPROXY", "")
    else:
        raise Trouble(f"unknown subject {name}")
    binary = shutil.which(path) if path else None
    return Subject(name, kind, os.path.abspath(binary), THREADS.get(name, 1)) if binary else None


def parse_other(text):
    """NAME=KIND:PATH, such as before=ringroad:/tmp/before/ringroad."""
    name, equals, rest = text.partition("=")
    kind, colon, path = rest.partition(":")
    if not (equals and colon and name and path) or kind not in KINDS:
        raise Trouble(f"--also wants NAME=KIND:PATH, KIND one of {' '.join(KINDS)}; got {text}")
    return name, (kind, path)
