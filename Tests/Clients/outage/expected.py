"""What a client may be told: the values that each key can have, from what this client was told before."""

WORDS = ("yes", "no", "value", "error")


class Expected:
    """The possible values of each key, None standing for absent.

    There is more than one only after a wrong answer to a write, which may or may not have been done.
    """

    def __init__(self):
        self.values = {}

    def is_right(self, request, answer):
        """Whether a memcached that nobody else uses could say this. `request` is a line split into words."""
        word, key, *rest = request
        before = self.values.get(key, {None})
        kind, _, text = answer.partition(" ")
        after = getattr(self, word)(before, kind, text, *rest)
        if after is None:
            # The write may have been done all the same.
            self.values[key] = before | self.written(word, before, *rest)
            return False
        self.values[key] = after
        return True

    @staticmethod
    def set(before, kind, text, value):
        return {value} if kind == "yes" else None

    @staticmethod
    def get(before, kind, text):
        if kind == "error":
            return None
        said = {text if kind == "value" else None}
        return said if said <= before else None

    @staticmethod
    def add(before, kind, text, value):
        if kind == "yes":
            return {value} if None in before else None
        return (before - {None} or None) if kind == "no" else None

    @staticmethod
    def delete(before, kind, text):
        # libmc says yes of a key that was not there, too.
        if kind == "yes":
            return {None}
        return {None} if kind == "no" and None in before else None

    @staticmethod
    def incr(before, kind, text, step):
        if kind == "no":
            return {None} if None in before else None
        return {text} if kind == "value" and text in Expected.written("incr", before, step) else None

    @staticmethod
    def written(word, before, *rest):
        """The values that the key has if the write was done."""
        if word == "incr":
            return {str(int(value) + int(rest[0])) for value in before if value is not None}
        if word == "delete":
            return {None}
        return set(rest)
