"""Lines cut into words, as memcached before 1.6.45 does it, and as 1.6.45 does."""

from numerals import LENIENT

MOST_WORDS = 23
LONGEST_VALUE = (1 << 31) - 3
STORES = {b"set": 5, b"add": 5, b"replace": 5, b"append": 5, b"prepend": 5, b"cas": 6}


def split(line, most=MOST_WORDS):
    """The words of a line, and what is left behind the most that are split at once; a NUL ends the line."""
    text = line[:-1]
    if len(text) > 1 and text.endswith(b"\r"):
        text = text[:-1]
    return words_of(text.partition(b"\0")[0], most)


def words_of(text, most=MOST_WORDS):
    words, at = [], 0
    while at < len(text):
        end = text.find(b" ", at)
        end = len(text) if end < 0 else end
        if end > at:
            words.append(text[at:end])
            if len(words) == most:
                return words, text[end + 1 :]
        at = end + 1
    return words, b""


def strict_words(text):
    """The first words of a line without its end, each with the place where it begins."""
    words, at = [], 0
    while at < len(text) and len(words) < MOST_WORDS:
        end = text.find(b" ", at)
        end = len(text) if end < 0 else end
        if end > at:
            words.append((text[at:end], at))
        at = end + 1
    return words


def declared_length(line):
    """The length of the value that a refused line announces, or None if it announces none: docs/PROTOCOL.md, "Declared
    values"."""
    text = line[:-2] if line.endswith(b"\r\n") else line[:-1]
    words = words_of(text, len(line))[0]
    verb = words[0] if words else b""
    if verb in STORES:
        return length_of(words[4]) if len(words) > 4 else None
    if verb != b"ms" or len(words) < 3:
        return None
    length = length_of(words[2])
    # As 1.6.0 to 1.6.9 wrote it.
    in_flags = (length_of(word[1:]) for word in words[2:] if word.startswith(b"S"))
    return next(in_flags, None) if length is None else length


def length_of(word):
    """The length that a word says; one with a minus says none, nor does one that is longer than any version takes."""
    number = LENIENT.match(word)
    length = int(number[2]) if number and number[1] != b"-" else None
    return length if length is not None and length <= LONGEST_VALUE else None
