"""The workloads: what the load generator asks for."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    connections: int = 50
    depth: int = 1  # requests in flight on each connection
    rate: int = 0  # open loop: requests a second
    gets: int = 100  # percent; the rest are sets
    keys_per_get: int = 1
    value_bytes: int = 100
    keys: int = 10_000
    is_idle: bool = False

    def options(self, canned=False):
        """Of the load generator, all but how long. The canned floor knows key 0 only."""
        loop = ["--rate", self.rate] if self.rate else ["--depth", self.depth]
        return ["--connections", self.connections, *loop, "--gets", self.gets, "--keys-per-get", self.keys_per_get,
                "--value-bytes", self.value_bytes, "--keys", 1 if canned else self.keys]

    def __str__(self):
        loop = f"{self.rate} requests/s" if self.rate else f"depth {self.depth}"
        mix = {100: "get", 0: "set"}.get(self.gets, f"{self.gets} % get")
        many = f" of {self.keys_per_get} keys" if self.keys_per_get > 1 else ""
        if self.is_idle:
            return f"one get on each of {self.connections} connections, {self.depth} at a time, then silence"
        return f"{mix}{many}, {self.connections} connections, {loop}, {self.value_bytes} B values"


ALL = {workload.name: workload for workload in (
    Workload("get-d1"),
    Workload("get-d16", depth=16),
    Workload("get-d32", depth=32),
    Workload("mix-d16", depth=16, gets=90),
    Workload("mget24", keys_per_get=24),
    Workload("mget100", keys_per_get=100),
    Workload("conns1000", connections=1000),
    Workload("get-64k", connections=16, value_bytes=64 << 10, keys=1000),
    Workload("set-64k", connections=16, value_bytes=64 << 10, keys=1000, gets=0),
    Workload("get-512k", connections=16, value_bytes=512 << 10, keys=100),
    Workload("set-512k", connections=16, value_bytes=512 << 10, keys=100, gets=0),
    Workload("open-30k", rate=30_000),
    Workload("idle", connections=5000, is_idle=True),
    Workload("idle-burst", connections=5000, depth=5000, is_idle=True),
)}

QUICK = ("get-d1", "get-d16", "mget24")

# The most CPU per request, against nutcracker over fake servers, that --assert allows ringroad.
BARS = {"get-d1": 0.80, "get-d16": 0.45, "mget24": 0.60}
