"""What no client should send: the shapes of memcached's own CVEs, and many more.

None of CASES may harm anybody. What SMUGGLING holds inside itself, a `set smuggled`, must never be executed.
"""

COMMANDS = [b"get", b"gets", b"gat", b"set", b"add", b"cas", b"append", b"delete", b"incr", b"touch", b"mg", b"ms", b"md", b"ma", b"me", b"mn", b"stats", b"version", b"verbosity", b"quit"]  # fmt: skip
LONG = b"k" * 251
HUGE = [b"-1", b"2147483647", b"2147483648", b"4294967295", b"4294967296", b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"18446744073709551616", b"9" * 40, b"", b"x", b"0x10", b"1e9", b"+5", b"5 5 5"]  # fmt: skip
INSIDE = b"set smuggled 0 0 1\r\nX\r\n"

CASES = []
for command in COMMANDS:
    CASES += [
        command + b"\r\n",
        command + b" \r\n",
        command + b"\n",
        command,
        command + b" " + LONG + b"\r\n",
        command + b" a" + b" b" * 300 + b"\r\n",
    ]
# CVE-2023-46852 (many blanks), CVE-2023-46853 (a line that ends without CR), and their neighbours.
CASES += [
    verb + b" " * count + b"\r\n" for verb in (b"get", b"gets", b"mg", b"gat 0") for count in (24, 771, 772, 2046, 4000)
]
CASES += [
    b" " * 3000,
    b" " * 3000 + b"\r\n",
    b"\r\n" * 500,
    b"\n" * 500,
    b"\r" * 500,
    b"\0" * 500,
    b"get " + b"a " * 4000 + b"\r\n",
]
# Lengths that are none: CVE-2016-8704 and its kin, by text.
CASES += [b"set a 0 0 " + size + b"\r\nabc\r\n" for size in HUGE]
CASES += [b"ms a " + size + b"\r\nabc\r\n" for size in HUGE]
CASES += [b"set a " + flags + b" 0 3\r\nabc\r\n" for flags in HUGE]
CASES += [b"incr a " + delta + b"\r\n" for delta in HUGE]
# A value that is not as long as was said, or not ended.
CASES += [b"set a 0 0 3\r\nabcd\r\n", b"set a 0 0 3\r\nab\r\n", b"set a 0 0 3\r\nabc", b"set a 0 0 3\r\nabc\n", b"set a 0 0 100000\r\nx", b"ms a 3\r\nabcd\r\n", b"ms a S3\r\nabc\r\n"]  # fmt: skip
# Meta flags: unknown, doubled, without their token, CVE-2020-22570's; base64 that is none.
CASES += [b"mg a " + flags + b"\r\n" for flags in (b"!", b"\xff", b"v v", b"O", b"O" + b"o" * 33, b"T", b"Tx", b"N", b"R", b"k" * 60, b"b", b"q" * 50, b"v f t s c h l k O1 q E")]  # fmt: skip
CASES += [
    b"mg " + key + b" b\r\n" for key in (b"=", b"A", b"A===", b"AA=A", b"AAAA=", b"////" * 80, b"-_-_", b"\xff\xff")
]
# Other protocols: binary memcached, TLS, HTTP, redis, a UDP frame, PROXY.
CASES += [b"\x80" + bytes(23), b"\x80\x01\x00\xff\xff\x00\x00\x00" + b"\xff" * 16, b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n\r\n", b"*1\r\n$4\r\nPING\r\n", b"\0\0\0\0\0\1\0\0get a\r\n", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n"]  # fmt: skip
CASES += [bytes([byte]) * size + b"\r\n" for byte in (0, 1, 127, 128, 255) for size in (1, 30, 5000)]

SMUGGLING = [
    b"get a\r" + INSIDE,
    b"get a\0" + INSIDE.replace(b"\r\n", b"\0"),
    b"set a\r 0 0 %d\r\n%s\r\n" % (len(INSIDE), INSIDE),
    b"set a 0 0 %d\r\n%s\r\n" % (len(INSIDE), INSIDE),
    b"set a 0 0 %d noreply\r\n%s\r\n" % (len(INSIDE), INSIDE),
    b"ms a %d\r\n%s\r\n" % (len(INSIDE), INSIDE),
    b"ms a %d q\r\n%s\r\n" % (len(INSIDE), INSIDE),
    b"add a 0 0 %d\r\n%s\r\n" % (len(INSIDE), INSIDE),
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n" + INSIDE,
    b"GET / HTTP/1.1\r\n" + INSIDE,
    b"Host: a\r\n" + INSIDE,
    b"set a 0 0 3000000\r\n" + INSIDE * (3000000 // len(INSIDE)) + b"x" * (3000000 % len(INSIDE)) + b"\r\n",
    b"cas a 0 0 %d 1\r\n%s\r\n" % (len(INSIDE), INSIDE),
]
