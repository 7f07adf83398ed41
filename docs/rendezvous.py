#!/usr/bin/env python3
"""Where `placement: rendezvous` puts a key: a second implementation of the rule in PLACEMENT.md, to check others by.

usage: rendezvous.py NAME[=WEIGHT]... < keys        needs the package xxhash
"""
import sys
from fractions import Fraction
from xxhash import xxh3_64_intdigest as xxh3

BITS = 18
SLOTS = 1 << BITS
FACTOR = 0x2C1B3C6D % SLOTS


def slot_of(key):
    return (xxh3(key) & 0xFFFFFFFF) >> (32 - BITS)


def rank(name, slot):
    """The position of a slot in a server's order of all slots."""
    for seed in range(4):
        slot = (slot ^ xxh3(name, seed) % SLOTS) * FACTOR % SLOTS
        slot ^= slot >> 9
    return slot


def log2(n):
    """In units of 2^-32, rounded down, by squaring a number of 1 to 2 in units of 2^-63."""
    result = n.bit_length() - 1
    x = n << (63 - result)
    for _ in range(32):
        square = x * x
        bit = square >> 127
        result, x = 2 * result + bit, square >> (63 + bit)
    return result


def cost(rank):
    return log2(2 * SLOTS) - log2(2 * (SLOTS - rank) - 1)


def owner(key, servers):
    slot = slot_of(key)
    return min(servers, key=lambda name: (Fraction(cost(rank(name, slot)), servers[name]), name))


if __name__ == "__main__":
    given = (word.rpartition("=") if "=" in word else (word, "", "1") for word in sys.argv[1:])
    servers = {name.encode(): int(weight) for name, _, weight in given}
    for line in sys.stdin.buffer:
        key = line.rstrip(b"\n")
        print(owner(key, servers).decode())
