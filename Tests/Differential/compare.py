"""Compares two answers, and two sets of holdings, without what cannot be the same."""

import re

from play import LASTED

META_CAS = re.compile(rb" c([1-9]\d*)")
META_CLOCK = re.compile(rb" (t|l)([1-9]\d*|0)(?= |$)")
DEBUG_CLOCK = re.compile(rb" (exp|la|cas)=(?!-1 )(-?\d+)")
# incr and decr leave blanks behind a number that became shorter, unless the answer to an earlier read still
# holds the value: which of the two is a matter of time.
PADDING = re.compile(rb"(?<=\d) +")
# So is whether the item is still the same, with its history, and how long it is with its blanks.
OF_AN_ITEM = re.compile(rb" (fetch=|size=|cls=|h|s)(?:\d+|yes|no)(?=[ \r])")


def masked(answer, is_padding_kept=True):
    """The answer with its cas numbers replaced by the order in which a key's were seen, and its clocks by #."""
    out = []
    seen = {}
    at = 0
    while at < len(answer):
        end = answer.find(b"\n", at)
        end = len(answer) if end < 0 else end + 1
        line = answer[at:end]
        at = end
        words = line.rstrip(b"\r\n").split(b" ")
        size = place = None
        if line.startswith(b"VALUE ") and len(words) in (4, 5) and words[3].isdigit():
            size, place = int(words[3]), 3
            if len(words) == 5:
                of_key = seen.setdefault(words[1], [])
                if words[4] not in of_key:
                    of_key.append(words[4])
                words[4] = b"cas#%d" % of_key.index(words[4])
        elif line[:3] in (b"VA ", b"HD ", b"EN ", b"NS ", b"EX ", b"NF "):
            if line.startswith(b"VA ") and len(words) > 1 and words[1].isdigit():
                size, place = int(words[1]), 1
            line = META_CAS.sub(b" c#", line)
            line = META_CLOCK.sub(rb" \1#", line)
            words = line.rstrip(b"\r\n").split(b" ")
        elif line.startswith(b"ME "):
            line = DEBUG_CLOCK.sub(rb" \1=#", line)
        if not is_padding_kept and not line.startswith(b"VALUE "):
            line = OF_AN_ITEM.sub(rb" \1#", line)
            words = line.rstrip(b"\r\n").split(b" ")
        if size is not None:
            value = answer[at : at + size]
            if not is_padding_kept:
                value = PADDING.sub(b"", value)
                words[place] = b"%d" % len(value)
            out += [b" ".join(words) + b"\r\n", value, answer[at + size : at + size + 2]]
            at += size + 2
        else:
            out.append(line)
    return b"".join(out)


def differs(direct, through):
    """What the two answers have not in common, or None."""
    if direct == through:
        return None
    a, b = masked(direct), masked(through)
    if a == b:
        return None
    # Both hung up before the end, or wait for the rest of a value: memcached keeps its answers back while
    # it reads one, and drops them when it hangs up.
    if not a.endswith(LASTED) and not b.endswith(LASTED) and b.startswith(a):
        return None
    if masked(direct, False) == masked(through, False):
        return None
    n = agreement(a, b)
    return f"the answers differ from byte {n} on: {a[max(0, n - 40) : n + 60]!r} against {b[max(0, n - 40) : n + 60]!r}"


def agreement(a, b):
    """How many bytes at their beginnings are the same."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def holdings_differ(direct, through):
    """What memcached itself (`direct`) holds otherwise than the servers behind ringroad, or None."""
    merged = {}
    for one in through:
        for key, copy in one.items():
            if key in merged:
                return f"{key!r} is held by more than one server"
            merged[key] = copy
    for key in direct.keys() | merged.keys():
        one, other = direct.get(key), merged.get(key)
        if (one is None or other is None) and is_ending(one or other):
            continue
        if one is None or other is None or not is_same(one, other):
            return f"{key!r}: memcached holds {one!r}, behind ringroad is {other!r}"
    return None


def is_ending(copy):
    """Whether its time is over so soon that it may be so already where the clock ticks a moment earlier."""
    return 0 <= copy[0] <= 2


def is_same(one, other):
    ttl, *rest = one
    other_ttl, *other_rest = other
    return plain(rest) == plain(other_rest) and (ttl < 0) == (other_ttl < 0) and abs(ttl - other_ttl) <= 2


def plain(copy):
    flags, value = copy
    return flags, PADDING.sub(b"", value)
