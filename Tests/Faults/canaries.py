"""What the clients must catch: a proxy in front of the proxy that lies now and then."""

from load import Load
from relay import Relay
from rig import STRICT
from table import Row

SINS = {
    "mismatch": ("a value's bytes in the wrong order", {"mismatch"}),
    "stale": ("an older value of the same key", {"stale"}),
    "lost_ack": ("a set that is acknowledged and thrown away", {"stale", "lost_ack", "false_miss"}),
    "false_miss": ("a miss of what is there", {"false_miss"}),
    "dup_apply": ("an incr that is sent twice", {"dup_apply"}),
    "desync": ("the answer to another request", {"desync"}),
    "done": ("NOT_STORED for a write that was done", {"mismatch"}),
    "extra": ("an answer too many", {"extra", "desync"}),
    "unanswered": ("hanging up instead of answering", {"unanswered"}),
    "hang": ("no answer", {"hang"}),
}
ROWS = {}


def canary(sin, title, expected):
    def play(play):
        rig, _ = play.start({**STRICT, "writes_on_failure": "miss"} if sin == "done" else STRICT, load=False)
        liar = Relay([rig.proxy.port], play.options.seed)
        try:
            play.load = Load(rig, seed=play.options.seed, port=liar.ports[0], batches=(1,), hang=1.0)
            liar.set(0, forge=sin)
            play.pause(3)
            liar.set(0)
            play.stop()
        finally:
            liar.end()
        caught = {what for what, count in play.result.violations.items() if count}
        play.bar("caught", sum(play.result.violations[what] for what in expected), ">=", 1)
        # A lost acknowledgement is seen on the server, too.
        play.bar("as what it is", bool(caught & expected), "==", True)

    ROWS[sin] = Row(sin, title, play, True)


def honest(play):
    """The relay itself must not be what is caught."""
    rig, _ = play.start(load=False)
    liar = Relay([rig.proxy.port], play.options.seed)
    try:
        play.load = Load(rig, seed=play.options.seed, port=liar.ports[0], batches=(1,), hang=1.0)
        liar.set(0, forge="nothing")
        play.pause(2)
        play.stop()
    finally:
        liar.end()
    play.bar("caught", play.result.bad, "==", 0)
    play.bar("requests", len(play.result.events), ">=", 100)


for name, (title, expected) in SINS.items():
    canary(name, title, expected)
ROWS["honest"] = Row("honest", "nothing", honest, True)
