"""The list of rows; each module of rows adds its own."""

ROWS = {}


class Row:
    def __init__(self, name, title, play, is_short):
        self.name = name
        self.title = title
        self.play = play
        self.is_short = is_short


def row(name, title, *, short=False):
    def add(play):
        ROWS[name] = Row(name, title, play, short)
        return play

    return add
