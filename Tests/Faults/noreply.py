"""Requests that want no answer: (what is there before, the request, what is looked at after). All concern the key q."""

HELD = b"set q 0 0 1\r\n5\r\n"
LOOK = b"get q\r\n"

NOREPLY = [
    (b"", b"set q 0 0 1 noreply\r\n1\r\n", LOOK),
    (HELD, b"add q 0 0 1 noreply\r\n1\r\n", LOOK),
    (b"", b"add q 0 0 1 noreply\r\n1\r\n", LOOK),
    (b"", b"replace q 0 0 1 noreply\r\n1\r\n", LOOK),
    (HELD, b"append q 0 0 1 noreply\r\n1\r\n", LOOK),
    (HELD, b"prepend q 0 0 1 noreply\r\n1\r\n", LOOK),
    (HELD, b"cas q 0 0 1 99999999 noreply\r\n1\r\n", LOOK),
    (HELD, b"delete q noreply\r\n", LOOK),
    (HELD, b"delete q 0\r\n", LOOK),
    (HELD, b"delete q 0 noreply\r\n", LOOK),
    (HELD, b"delete q 5 noreply\r\n", LOOK),
    (b"", b"delete q noreply\r\n", LOOK),
    (HELD, b"incr q 1 noreply\r\n", LOOK),
    (b"", b"incr q 1 noreply\r\n", LOOK),
    (HELD, b"decr q 9 noreply\r\n", LOOK),
    (HELD, b"touch q 100 noreply\r\n", LOOK),
    (b"", b"touch q 100 noreply\r\n", LOOK),
    (b"", b"verbosity 0 noreply\r\n", LOOK),
    (b"", b"mg q v q\r\n", LOOK),
    (HELD, b"mg q v q\r\n", LOOK),
    (b"", b"ms q 1 q\r\n1\r\n", LOOK),
    (b"", b"ms q 1 q MR\r\n1\r\n", LOOK),
    (HELD, b"md q q\r\n", LOOK),
    (b"", b"md q q\r\n", LOOK),
    (HELD, b"ma q q\r\n", LOOK),
    (b"", b"ma q q\r\n", LOOK),
    (b"", b"set q 0 0 x noreply\r\n", LOOK),
    (b"", b"set q 0 0 1 noreply\r\n12\r\n", LOOK),
    (HELD, b"incr q x noreply\r\n", LOOK),
    (b"", b"set q 0 0 1 NOREPLY\r\n1\r\n", LOOK),
]
