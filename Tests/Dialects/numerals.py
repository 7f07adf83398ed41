"""Numbers and base64 as memcached reads them: C's strtol and its checks, and the strict reader of 1.6.45."""

import re

LENIENT = re.compile(rb"[ \t\n\v\f\r]*([+-]?)([0-9]+)(?=[ \t\n\v\f\r\0]|$)")
STRICT = re.compile(rb"-?[0-9]*")
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
VALUES = {byte: value for value, byte in enumerate(ALPHABET)} | {ord("="): 0}


def lenient_unsigned(text, bits):
    """As strtoull and memcached's check of it: a number that was cut to `bits`, or None."""
    found = LENIENT.match(text)
    if not found or int(found[2]) >= 1 << 64:
        return None
    number = int(found[2])
    if found[1] == b"-":
        number = -number % (1 << 64)
        if number >> 63:
            return None
    return number % (1 << bits)


def lenient_signed(text):
    """As strtol, cut to 32 bits: a number or None."""
    found = LENIENT.match(text)
    if not found:
        return None
    number = -int(found[2]) if found[1] == b"-" else int(found[2])
    return signed(number) if -(1 << 63) <= number < 1 << 63 else None


def strtol(text):
    """As strtol without a check: the number at the beginning, or 0."""
    found = re.match(rb"[ \t\n\v\f\r]*([+-]?[0-9]+)", text)
    return max(-(1 << 63), min(int(found[1]), (1 << 63) - 1)) if found else 0


def strict_unsigned(text, bits):
    is_number = len(text) <= (11 if bits == 32 else 22) and (not text or text.isdigit())
    number = int(text or b"0") if is_number else None
    return number if number is not None and number < 1 << bits else None


def strict_signed(text):
    if len(text) > 11 or not STRICT.fullmatch(text):
        return None
    number = int(text if text.strip(b"-") else b"0")
    return number if -(1 << 31) <= number < 1 << 31 else None


def signed(number):
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def decoded(text):
    """The bytes that base64 stands for, or nothing; letters of no meaning are left out."""
    letters = [byte for byte in text if byte in VALUES]
    if not letters or len(letters) % 4:
        return b""
    out = bytearray()
    for at in range(0, len(letters), 4):
        four = letters[at : at + 4]
        bits = 0
        for byte in four:
            bits = bits << 6 | VALUES[byte]
        padding = four.count(ord("="))
        if padding > 2:
            return b""
        out += bits.to_bytes(3, "big")[: 3 - padding]
        if padding:
            break
    return bytes(out)
