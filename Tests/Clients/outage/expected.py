"""What a client may be told: the values that each key can have, from what this client was told before."""

WORDS = ("yes", "no", "value", "error")


class Expected:
    """The possible values of each key, None standing for absent.

    There is more than one only after a wrong answer to a write, which may or may not have been done.
    """

    def __init__(self, counts=False):
        self.values = {}
        # Whether the client makes a counter that is not there, with the step as its value.
        self.counts = counts

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

    def incr(self, before, kind, text, step):
        if kind == "no":
            return {None} if None in before else None
        possible = self.written("incr", before, step) | ({step} if self.counts and None in before else set())
        return {text} if kind == "value" and text in possible else None

    @staticmethod
    def written(word, before, *rest):
        """The values that the key has if the write was done."""
        if word == "incr":
            return {str(int(value) + int(rest[0])) for value in before if value is not None}
        if word == "delete":
            return {None}
        return set(rest)


class Lossy(Expected):
    """The same for a key whose server fails: at any time it may be missing, and a write may be refused.

    It never has a value that was overwritten or deleted. `keeps` when a delete may be refused and not be done later.
    """

    def __init__(self, keeps, counts):
        super().__init__(counts)
        self.keeps = keeps

    def is_right(self, request, answer):
        word, key, *rest = request
        before = self.values.get(key, set()) | {None}
        kind, _, text = answer.partition(" ")
        if kind == "error":
            self.values[key] = before | self.written(word, before, *rest)
            return True
        after = getattr(self, word)(before, kind, text, *rest)
        if after is not None:
            self.values[key] = after
        return after is not None

    @staticmethod
    def set(before, kind, text, value):
        return {value} if kind == "yes" else before

    @staticmethod
    def get(before, kind, text):
        return before if kind == "no" or text in before else None

    @staticmethod
    def add(before, kind, text, value):
        return {value} if kind == "yes" else before

    def delete(self, before, kind, text):
        return before if kind == "no" and self.keeps else {None}

    def incr(self, before, kind, text, step):
        return before if kind == "no" else super().incr(before, kind, text, step)
