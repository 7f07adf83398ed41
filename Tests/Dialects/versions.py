"""The memcached versions that the fake servers speak, and what differs between them: one field is one difference."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Version:
    # What `version` answers.
    name: str
    # How meta commands are written: "none", "letters" (one word of letters, their arguments behind it: 1.5),
    # or "flags" (each flag a word of its own: 1.6).
    meta: str
    # Every line is split as a whole and read leniently (C's strtol), or in place and strictly (1.6.45).
    is_strict: bool = False
    # gat and gats exist, and the fewest words that they take.
    gat_words: int = 0
    # The words that a line is split into at once; but for keys of a get, those behind are not looked at.
    most_words: int = 23
    # Answers are sent one by one (before 1.6), or collected until all that was read has been run.
    collects_answers: bool = True
    # After a get, all answers so far are sent.
    get_sends: bool = True
    # noreply or q stays in force until an answer was left out (before 1.6), or ends with its command.
    is_quiet_sticky: bool = False
    # Words behind version and quit are ignored.
    ignores_extra_words: bool = True
    # A line that ends in HTTP/… closes the connection.
    closes_on_http: bool = True
    # A line of more bytes that is not get or gets closes the connection.
    longest_line: int = 2048
    # A negative time is a time long past (1.6), or counted from now (touch and gat before 1.6).
    negative_is_past: bool = True
    # verbosity checks its number, and flush_all its delay.
    checks_numbers: bool = True
    checks_delay: bool = True

    # What a proxy in front of this version does otherwise on purpose; no memcached has these.
    # A value whose length was declared is thrown away with its refused line, whatever the version does.
    swallows_refused: bool = False
    # What no later version understands is refused, however well it is written: the meta commands of 1.5, ms of 1.6.9.
    refuses_own_meta: bool = False
    # Answers that wait to be sent are lost when a later key is too long, or a connection ends within a value.
    loses_answers: bool = True

    # The rest is about meta commands written with flags.
    # The word for success, and what stands between it and the flags of ms, md and ma misses.
    done: bytes = b"HD"
    gap: bytes = b""
    # ms gives its length in the flag S (1.6.9), or in its third word.
    length_is_flag: bool = False
    flags: bytes = b"NTRlOPLkstcfvhuqFCMJDIb"
    # mg without flags is refused.
    mg_needs_flags: bool = False
    # A miss repeats O and k.
    miss_repeats: bool = True
    # ms answers these flags.
    ms_returns: bytes = b"Okc"
    # ms with MA or MP, and N, makes a missing value.
    append_creates: bool = False
    # md with C compares with 0, so it never matches (1.6.9).
    md_ignores_cas: bool = False
    # me knows base64 keys: "no", "third word", "fourth word".
    me_base64: str = "third word"
    # ma is quiet about a value that it makes.
    creation_is_quiet: bool = False


OLD = dict(most_words=7, collects_answers=False, is_quiet_sticky=True, ignores_extra_words=False, longest_line=1024, negative_is_past=False, checks_numbers=False, checks_delay=False)  # fmt: skip
V1_6_18 = Version("1.6.18", "flags", gat_words=2)
V1_6_14 = replace(V1_6_18, name="1.6.14", gap=b" ", mg_needs_flags=True, miss_repeats=False)

VERSIONS = {
    version.name: version
    for version in [
        Version("1.4.39", "none", closes_on_http=False, **OLD),
        Version("1.5.22", "letters", gat_words=3, **OLD),
        replace(
            V1_6_14,
            name="1.6.9",
            longest_line=1024,
            done=b"OK",
            length_is_flag=True,
            flags=b"NTRlOkstcfvhuqFSCMJDI",
            ms_returns=b"Ok",
            md_ignores_cas=True,
            me_base64="no",
        ),
        V1_6_14,
        V1_6_18,
        replace(V1_6_18, name="1.6.21", ms_returns=b"Okcs", append_creates=True),
        replace(
            V1_6_18,
            name="1.6.45",
            is_strict=True,
            get_sends=False,
            flags=V1_6_18.flags + b"xE",
            ms_returns=b"Okcs",
            append_creates=True,
            me_base64="fourth word",
            creation_is_quiet=True,
        ),
    ]
}


def through_proxy(version, swallows_refused=True):
    """The version as a client shall see it through ringroad: the departures that a fake can show."""
    return replace(
        version,
        swallows_refused=swallows_refused,
        refuses_own_meta=True,
        loses_answers=False,
        checks_delay=True,
    )


# A server of another make that claims a recent version and knows no meta commands.
LOOKALIKE = replace(V1_6_18, name="1.6.31", meta="none")
# A proxy that knows the commands with keys and version, and closes the connection on any other.
TWEMPROXY = replace(V1_6_18, name="0.5.0", meta="none")
TWEMPROXY_COMMANDS = frozenset(
    b"get gets gat gats set add replace append prepend cas delete incr decr touch version quit".split()
)
