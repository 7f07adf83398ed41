"""Lines cut into words, as memcached before 1.6.45 does it, and as 1.6.45 does."""

from numerals import lenient_signed, strict_signed

MOST_WORDS = 23
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


def declared_length(line, version):
    """The length of the value that a store's line announces, or None if it announces none."""
    words = split(line, version.most_words)[0]
    read = strict_signed if version.is_strict else lenient_signed
    verb, text = words[0] if words else b"", None
    if verb in STORES and len(words) >= 5:
        fits = not line.startswith(b" ") if version.is_strict else len(words) - STORES[verb] in (0, 1)
        text = words[4] if fits or version.swallows_refused == "always" else None
    elif verb == b"ms" and len(words) >= 3:
        text = words[2]
    length = read(text) if text else None
    return length if length is not None and 0 <= length <= (1 << 31) - 3 else None
