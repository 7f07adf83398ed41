"""What is measured, and what is to come of it: the workloads, the plan of `make bench`, and the bars."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Workload:
    """What the load generator asks for."""
    name: str
    connections: int = 50
    depth: int = 1  # requests in flight on each connection
    rate: int = 0  # open loop: requests a second
    gets: int = 100  # percent; the rest are sets
    keys_per_get: int = 1
    value_bytes: int = 100
    keys: int = 10_000
    is_idle: bool = False  # one get on each connection, then silence
    is_burst: bool = False  # idle, and looked at again after a while
    is_spread: bool = False  # the proxy may use every CPU

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
            at_a_time = "all at once" if self.depth >= self.connections else f"{self.depth} at a time"
            return f"one get on each of {self.connections} connections, {at_a_time}, {self.value_bytes} B values, then silence"
        return f"{mix}{many}, {self.connections} connections, {loop}, {self.value_bytes} B values" + (", any CPU" if self.is_spread else "")


ALL = {workload.name: workload for workload in (
    Workload("get-d1"),
    Workload("conns1000", connections=1000),
    Workload("get-d16", depth=16),
    Workload("get-d32", depth=32),
    Workload("mix-d16", depth=16, gets=90),
    Workload("mget24", keys_per_get=24),
    Workload("mget100", keys_per_get=100),
    Workload("get-64k", connections=16, value_bytes=64 << 10, keys=1000),
    Workload("set-64k", connections=16, value_bytes=64 << 10, keys=1000, gets=0),
    Workload("get-512k", connections=16, value_bytes=512 << 10, keys=100),
    Workload("set-512k", connections=16, value_bytes=512 << 10, keys=100, gets=0),
    Workload("open-30k", rate=30_000),
    Workload("idle", connections=5000, is_idle=True),
    Workload("idle-burst", connections=5000, depth=5000, value_bytes=10_000, keys=1000, is_idle=True, is_burst=True),
    Workload("threads-d1", is_spread=True),
    Workload("threads-d16", depth=16, is_spread=True),
)}

QUICK = ("get-d1", "get-d16", "mget24")

PEERS = ("nutcracker", "mcproxy")
FLOOR = "canned"
THREADS = ("ringroad", "ringroad-t2", "ringroad-t4")


@dataclasses.dataclass(frozen=True)
class Trial:
    """One table: a workload over fake or real servers, by these subjects in turn."""
    servers: str
    workload: Workload
    subjects: tuple = (FLOOR, *PEERS, "ringroad", "ringroad-md5")
    rounds: int = 5
    seconds: float = 0.5  # of each measurement


# What every line of the bars needs, and no more. Latencies need many rounds: whatever stalls the machine spoils one, for one subject.
COMPARED = (*PEERS, "ringroad")
PLAN = (
    *(Trial("fake", ALL[name]) if name in ("get-d16", "mget24") else Trial("fake", ALL[name], (FLOOR, *COMPARED)) for name in (
        "get-d1", "conns1000", "get-d16", "get-d32", "mix-d16", "mget24", "mget100", "get-64k", "set-64k", "get-512k", "set-512k")),
    *(Trial("real", ALL[name], COMPARED) for name in ("get-d1", "get-d16", "mget24")),
    Trial("real", ALL["open-30k"], COMPARED, rounds=21, seconds=0.7),
    Trial("fake", ALL["idle"], COMPARED, rounds=3, seconds=0.3),
    Trial("fake", ALL["idle-burst"], COMPARED, rounds=1),
    Trial("fake", ALL["threads-d1"], THREADS),
    Trial("fake", ALL["threads-d16"], THREADS),
)


@dataclasses.dataclass(frozen=True)
class Bar:
    """What a figure of ringroad's is to be at the most, or at the least: as a ratio to the same figure of another, or by itself."""
    workload: str
    must: float
    aim: float | None = None
    servers: str = "fake"
    figure: str = "cpu_us"
    subject: str = "ringroad"
    against: str = "peer"  # the better of PEERS; else a subject; "": nobody
    is_least: bool = False


BARS = (
    Bar("get-d1", 0.80, 0.72),
    Bar("conns1000", 0.60, 0.55),
    Bar("get-d16", 0.30, 0.25),
    Bar("get-d32", 0.18, 0.15),
    Bar("mix-d16", 0.42, 0.30),
    Bar("mget24", 0.48, 0.40),
    Bar("mget100", 0.40, 0.30),
    Bar("get-64k", 0.90, 0.80),
    Bar("set-64k", 0.90, 0.80),
    Bar("get-512k", 0.95, 0.80),
    Bar("set-512k", 0.95, 0.80),
    Bar("get-d1", 0.80, 0.72, servers="real"),
    Bar("get-d16", 0.70, 0.55, servers="real"),
    Bar("get-d16", 1.10, 1.30, servers="real", figure="rps", is_least=True),
    Bar("mget24", 0.75, 0.60, servers="real"),
    Bar("mget24", 1.00, 1.20, servers="real", figure="rps", is_least=True),
    Bar("open-30k", 1.00, servers="real", figure="p50_us"),
    Bar("open-30k", 1.00, servers="real", figure="p99_us"),
    Bar("open-30k", 1.50, servers="real", figure="p999_us"),
    Bar("get-d1", 1.25, against=FLOOR),
    Bar("get-d16", 1.80, against=FLOOR),
    Bar("get-d16", 1.20, 1.10, subject="ringroad-md5", against="ringroad"),
    Bar("mget24", 1.25, 1.10, subject="ringroad-md5", against="ringroad"),
    *(Bar(workload, 1.15, subject=subject, against="ringroad") for workload in ("threads-d1", "threads-d16") for subject in THREADS[1:]),
    Bar("idle", 600, figure="bytes_per_connection", against=""),
    Bar("get-d1", 12 << 10, figure="rss_kb", against=""),
    Bar("idle-burst", 2.00, figure="rss_growth", against=""),
)

# The most CPU per request, against nutcracker over fake servers, that --assert allows ringroad: wide enough for any quiet machine.
ASSERTED = {"get-d1": 0.80, "get-d16": 0.45, "mget24": 0.60}
