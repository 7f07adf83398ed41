"""Meta requests: mg, ms, md, ma and me, with flags in any order and number."""

FLAGS = {
    b"mg": [b"v", b"v", b"v", b"k", b"f", b"s", b"t", b"c", b"h", b"q", b"N100", b"T100", b"R10", b"E77"],
    b"ms": [b"k", b"c", b"q", b"T0", b"T100", b"F7", b"I", b"MS", b"MA", b"MP", b"ME", b"MR", b"MX", b"C1", b"E77"],
    b"md": [b"k", b"q", b"I", b"T30", b"C1"],
    b"ma": [b"v", b"v", b"k", b"q", b"t", b"c", b"N0", b"N100", b"J5", b"D2", b"MI", b"MD", b"M+", b"M-"],
    b"me": [b"b", b"x"],
}
ODD_FLAGS = [b"v", b"q", b"b", b"O", b"O" + b"o" * 32, b"O" + b"o" * 33, b"Tx", b"T", b"-", b"1", b"zz", b"NN", b"F-1", b"CC", b"\xff"]


def meta_request(grammar, is_odd):
    r = grammar.random
    verb = r.choice([b"mg", b"mg", b"mg", b"ms", b"ms", b"md", b"ma", b"me"])
    if is_odd and r.random() < 0.1:
        return b" ".join([r.choice([b"mg", b"ms", b"md", b"ma", b"me", b"mn"])] + [grammar.word()] * r.randrange(3)) + grammar.end()
    key = grammar.key()
    # E sets a cas number of the client's own; 1.6.18 does not know it.
    usual = [f for f in FLAGS[verb] if not f.startswith(b"E")]
    flags = r.sample(usual, r.randrange(0, min(6, len(usual)))) if verb != b"me" else []
    seen = set()
    flags = [f for f in flags if not (f[:1] in seen or seen.add(f[:1]))]
    if r.random() < 0.3:
        flags.insert(r.randrange(len(flags) + 1), b"O%d" % r.randrange(1000))
    if verb == b"ma" and r.random() < 0.03:
        flags.append(b"T100")
    if verb in (b"ms", b"md") and r.random() < 0.15:
        flags = [f for f in flags if f[:1] != b"C"] + [b"C{cas:%s}" % key]
    if r.random() < 0.12:
        key = grammar.encoded(r.randbytes(r.choice([1, 2, 3, 7, 30, 186])) if r.random() < 0.4 else key)
        flags = [b"b"] + flags
    if is_odd:
        for _ in range(r.randint(1, 2)):
            flags.insert(r.randrange(len(flags) + 1), r.choice(ODD_FLAGS))
        if r.random() < 0.2:
            key = grammar.word()
    words = [verb, key]
    value = b""
    if verb == b"ms":
        value = grammar.value()
        size = b"%d" % len(value)
        words.append(grammar.maybe(size) if is_odd else size)
        value += b"\r\n"
        if is_odd and r.random() < 0.15:
            value = value[:-1]
    return grammar.gap(0) + grammar.gap(1).join(words + flags) + grammar.gap(0) + grammar.end() + value
