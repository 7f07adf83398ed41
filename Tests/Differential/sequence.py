"""A sequence: what one client sends, request by request, and how its bytes are handed over."""

import json
import re
from dataclasses import dataclass, field, replace

# Follows every step and every sequence: had a server lost its place, it would be read differently.
MARK = b"mn\r\n"
LAST = b"get after\r\nverbosity\r\nmn\r\nmn\r\n"
TOKEN = re.compile(rb"\{cas:([^}]*)\}")


@dataclass(frozen=True)
class Sequence:
    seed: int
    # Sent and answered before the rest, so that there is something to read and cas numbers are known.
    setup: tuple = ()
    # In a request, {cas:key} stands for the cas number last seen for that key.
    requests: tuple = ()
    # "whole": one send. "cut": pieces, cut where `cuts` says. "steps": each request is answered before
    # the next is sent.
    mode: str = "whole"
    cuts: tuple = field(default=())
    # Every request is known to end where it should, so no byte of a value can be taken for a line.
    is_framed: bool = False

    @property
    def stream(self):
        return b"".join(self.requests)

    def pieces(self, data):
        """`data` as it is sent."""
        if self.mode != "cut":
            return [data]
        places = sorted({c % len(data) for c in self.cuts} - {0}) if data else []
        return [data[a:b] for a, b in zip([0] + places, places + [len(data)])]

    @property
    def keys(self):
        """Everything that may be the name of a stored value."""
        words = set()
        for request in self.setup + self.requests:
            for line in request.split(b"\n")[: 1 if self.is_framed else 20]:
                words.update(line.strip(b"\r").split(b" ")[1:12])
        usable = (w for w in words if 0 < len(w) <= 250 and not re.search(rb"[\0\r\n]", w))
        return sorted(usable)[:300]

    @property
    def lines(self):
        """The bytes that may be read as request lines."""
        if self.is_framed:
            return b"".join(r[: r.index(b"\n") + 1] for r in self.requests)
        return self.everything

    @property
    def everything(self):
        """All that is sent after the setup."""
        mark = MARK if self.mode == "steps" else b""
        return b"".join(r + mark for r in self.requests) + LAST

    def but(self, **changes):
        return replace(self, **changes)

    def dump(self):
        return json.dumps(
            {
                "seed": self.seed,
                "mode": self.mode,
                "cuts": self.cuts,
                "is_framed": self.is_framed,
                "setup": [r.decode("latin-1") for r in self.setup],
                "requests": [r.decode("latin-1") for r in self.requests],
            }
        )

    @staticmethod
    def load(text):
        raw = json.loads(text)
        texts = {n: tuple(r.encode("latin-1") for r in raw[n]) for n in ("setup", "requests")}
        return Sequence(raw["seed"], mode=raw["mode"], cuts=tuple(raw["cuts"]), is_framed=raw["is_framed"], **texts)
