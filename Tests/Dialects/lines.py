"""Lines cut into words, as memcached before 1.6.45 does it, and as 1.6.45 does."""

MOST_WORDS = 23


def split(line):
    """The words of a line, and what is left behind the most that are split at once; a NUL ends the line."""
    text = line[:-1]
    if len(text) > 1 and text.endswith(b"\r"):
        text = text[:-1]
    return words_of(text.partition(b"\0")[0])


def words_of(text):
    words, at = [], 0
    while at < len(text):
        end = text.find(b" ", at)
        end = len(text) if end < 0 else end
        if end > at:
            words.append(text[at:end])
            if len(words) == MOST_WORDS:
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
