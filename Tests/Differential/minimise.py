"""Makes a failing sequence small: fewer requests, plainer sending, fewer bytes."""

import time


def minimised(sequence, fails, seconds=30):
    """The smallest sequence found in that time that still `fails`."""
    deadline = time.monotonic() + seconds

    def still(candidate):
        return time.monotonic() < deadline and fails(candidate)

    for mode in ("whole", "steps"):
        if sequence.mode not in (mode, "whole") and still(sequence.but(mode=mode, cuts=())):
            sequence = sequence.but(mode=mode, cuts=())
            break
    if sequence.mode == "cut":
        for cut in sequence.cuts:
            if still(sequence.but(cuts=(cut,))):
                sequence = sequence.but(cuts=(cut,))
                break
    for field in ("requests", "setup", "requests"):
        sequence = without_items(sequence, field, still)
    for i in range(len(sequence.requests)):
        sequence = shortened(sequence, i, still)
    return sequence


def without_items(sequence, field, still):
    size = max(1, len(getattr(sequence, field)) // 2)
    while True:
        i = 0
        while i < len(getattr(sequence, field)):
            items = getattr(sequence, field)
            candidate = sequence.but(**{field: items[:i] + items[i + size :]})
            if still(candidate):
                sequence = candidate
            else:
                i += size
        if size == 1:
            return sequence
        size //= 2


def shortened(sequence, index, still):
    size = max(1, len(sequence.requests[index]) // 2)
    while size:
        i = 0
        while i < len(sequence.requests[index]):
            whole = sequence.requests[index]
            requests = list(sequence.requests)
            requests[index] = whole[:i] + whole[i + size :]
            candidate = sequence.but(requests=tuple(requests), is_framed=False)
            if still(candidate):
                sequence = candidate
            else:
                i += size
        size //= 2
    return sequence
