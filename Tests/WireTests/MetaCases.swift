// mg, ms, md, ma, me: a server gets the opaque 7 if the client gave none.

extension Case {
  private static let bad = "CLIENT_ERROR bad command line format"
  private static let invalid = "CLIENT_ERROR invalid flag"
  private static let duplicate = "CLIENT_ERROR duplicate flag"
  private static let badFlags = "CLIENT_ERROR invalid or duplicate flag"
  private static let badToken = "CLIENT_ERROR bad token in command line format"
  private static let badKey = "CLIENT_ERROR error decoding key"
  private static let tooLong = "CLIENT_ERROR opaque token too long"
  private static let flagsTooLong = "CLIENT_ERROR options flags too long"
  /// 32 bytes including its letter, which is the maximum, and one byte more.
  private static let longOpaque = "O" + String(repeating: "o", count: 31)
  private static let tooLongOpaque = longOpaque + "o"
  /// `a\r\nb` and `a b`: keys that are not text.
  private static let lineKey = "YQ0KYg=="
  private static let blankKey = "YSBi"

  static let metaGets: [Case] = [
    Case("mg a\r\n", "mg a O7"),
    Case("mg a v\r\n", "mg a v O7"),
    Case("mg a s v\n", "mg a s v O7"),
    Case("  mg  a   v \r\n", "mg a v O7"),
    Case("mg a q\r\n", "quietly mg a O7"),
    Case("mg a v q k\r\n", "quietly mg a v k O7"),
    Case("mg a O\r\n", "mg a O"),
    Case("mg a O12 v k\r\n", "mg a O12 v k"),
    Case("mg a \(longOpaque)\r\n", "mg a \(longOpaque)"),
    Case("mg a q \(longOpaque) k\r\n", "quietly mg a \(longOpaque) k"),
    Case(
      "ms a 3 F5\r\nabc\r\nmg a c f h k l O1 q s t u v\r\nmg b O2 k q\r\nmg b O2 k\r\nmg b k O2\r\n",
      "ms a 3 F5 O7|abc", "quietly mg a c f h k l O1 s t u v", "quietly mg b O2 k", "mg b O2 k", "mg b k O2"),
    Case("mg a N30 v\r\nmg a N30 t k v\r\nmd a\r\n", "mg a N30 v O7", "mg a N30 t k v O7", "md a O7"),
    Case("mg a N30 R60 T90 v t\r\nmg a R100 v\r\n", "mg a N30 R60 T90 v t O7", "mg a R100 v O7"),
    // Only the letter matters.
    Case("mg a vv kx sfoo\r\n", "mg a v k s O7"),
    Case("mg a qq\r\n", "quietly mg a O7"),
    Case("mg v v\r\n", "mg v v O7"),
    Case("mg q\r\n", "mg q O7"),
    // Every flag is accepted with every command.
    Case("mg a D7 J8 MX I P Lx F5 C6\r\n", "mg a D7 J8 MX I P Lx F5 C6 O7"),
    Case("mg a T+030 N-1 R007\r\n", "mg a T30 N-1 R7 O7"),
    Case("mg a T2147483648 C-18446744073709551615 F4294967296\r\n", "mg a T-2147483648 C1 F0 O7"),
    Case("mg a T\t5 C5\t v\r\n", "mg a T5 C5 v O7"),
    Case("mg é k v\r\n", "mg \\xc3\\xa9 k v O7"),
    Case("mg a\tb k v\r\n", "mg a\\tb k v O7"),
    Case("mg \(longKey) k v\r\n", "mg \(longKey) k v O7"),
    // The maximum number of words leaves no room for an opaque.
    Case(
      "mg a v s t c f l h k u N0 T0 R0 C0 P L M1 D1\r\n", "mg a v s t c f l h k u N0 T0 R0 C0 P L M1 D1"),
    Case(
      "mg a v s t c f l h k u N0 T0 R0 C0 P L M1 q\r\n",
      "quietly mg a v s t c f l h k u N0 T0 R0 C0 P L M1"),
    Case("md a c\r\nmg a E5\r\n", "md a c O7", invalid),
    Case("mg a", "open line 4"),
  ]

  static let badMetaGets: [Case] = [
    Case("mg\r\n", "ERROR"),
    Case("mg  \r\n", "ERROR"),
    Case("mg \(tooLongKey)\r\n", bad),
    Case("mg \(tooLongKey) v v\r\n", bad),
    Case("mg a v v\r\n", duplicate),
    Case("mg a q vx vy\r\n", duplicate),
    Case("mg a \u{7f}\r\n", duplicate),
    Case("mg a é\r\n", duplicate),
    Case("mg a z\r\n", invalid),
    Case("mg a q z\r\n", invalid),
    Case("mg a V\r\n", invalid),
    Case("mg a 1\r\n", invalid),
    Case("mg a -v\r\n", invalid),
    Case("mg a \tv\r\n", invalid),
    Case("mg a noreply\r\n", invalid),
    Case("mg a v s S100\r\n", invalid),
    Case("mg a T\r\n", badToken),
    Case("mg a Tx\r\n", badToken),
    Case("mg a T 5\r\n", invalid),
    Case("mg a T5x\r\n", badToken),
    Case("mg a N\r\n", badToken),
    Case("mg a R1.5\r\n", badToken),
    Case("mg a T9223372036854775808\r\n", badToken),
    Case("mg a C-1\r\n", badToken),
    Case("mg a C\r\n", badToken),
    Case("mg a F\r\n", bad),
    Case("mg a Fx\r\n", bad),
    Case("mg a Dx\r\n", "CLIENT_ERROR invalid numeric delta value"),
    Case("mg a J-1\r\n", "CLIENT_ERROR invalid numeric initial value"),
    Case("mg a M\r\n", "CLIENT_ERROR incorrect length for M token"),
    Case("mg a M12\r\n", "CLIENT_ERROR incorrect length for M token"),
    // Of several errors the last is reported, unless one ends the parsing.
    Case("mg a Tx M12\r\n", "CLIENT_ERROR incorrect length for M token"),
    Case("mg a M12 Tx\r\n", badToken),
    Case("mg a Tx Fx\r\n", badToken),
    Case("mg a Tx v v M12\r\n", duplicate),
    Case("mg a Tx z M12\r\n", invalid),
    Case("mg a \(tooLongOpaque)\r\n", tooLong),
    Case("mg a \(tooLongOpaque) q\r\n", tooLong),
    Case("mg a \(tooLongOpaque) z\r\n", invalid),
    Case("mg a" + String(repeating: " v", count: 17) + "\r\n", duplicate),
    Case("mg a" + String(repeating: " v", count: 18) + "\r\n", "CLIENT_ERROR options flags are too long"),
    Case("mg a" + String(repeating: " v", count: 50) + "\r\n", "CLIENT_ERROR options flags are too long"),
    Case("Mg a\r\n", "ERROR"),
    Case("mG a\r\n", "ERROR"),
    Case("mx a\r\n", "ERROR"),
    Case("mgg a\r\n", "ERROR"),
    Case("m a\r\n", "ERROR"),
    Case("mg a v\0\r\n", bad, differs: .ambiguous),
    Case("mg a v\r\r\n", "mg a v O7"),
    Case("mg a v O1\r\r\n", bad, differs: .ambiguous),
    Case("mg a T5\r\r\n", "mg a T5 O7"),
    Case("mg a\0b\r\n", bad, differs: .ambiguous),
  ]

  static let base64Keys: [Case] = [
    Case("mg Zm9v b\r\n", "mg Zm9v b O7"),
    Case("mg Zm9v b k v\r\n", "mg Zm9v b k v O7"),
    Case("mg Zm9vYg== b k O1\r\n", "mg Zm9vYg== b k O1"),
    // Bytes that are not base64 letters are skipped, and so is everything after the padding.
    Case("mg Z-m9.v bx\r\n", "mg Zm9v b O7"),
    Case("mg Zm8=Zm9v b k\r\n", "mg Zm8= b k O7"),
    Case("mg Zm8=Zm9 b\r\n", badKey),
    Case("mg Zm9 b\r\n", badKey),
    Case("mg Zm9vb b k\r\n", badKey),
    Case("mg !! b\r\n", badKey),
    Case("mg ==== b\r\n", badKey),
    Case("mg Z=== b\r\n", badKey),
    Case("mg Zm9v==== b\r\n", badKey),
    Case("mg =QUB b k\r\n", "mg AQU= b k O7"),
    Case("mg !! b Tx Fx\r\n", badToken),
    Case("mg !! Tx b\r\n", badKey),
    Case("mg !! b z\r\n", invalid),
    Case("md !! b\r\n", badFlags),
    Case("ma !! b\r\n", badFlags),
    Case("ms !! 1 b\r\nx\r\n", badKey),
    Case("ms Zm9v 3 b k\r\nabc\r\nget foo\r\n", "ms Zm9v 3 b k O7|abc", "get foo"),
    Case("set foo 0 0 1\r\nx\r\nmg Zm9v b k v\r\n", "set foo 0 0 1|x", "mg Zm9v b k v O7"),
    Case("ms Zm9v 1 b\r\nx\r\nmg foo k v\r\nme foo\r\n", "ms Zm9v 1 b O7|x", "mg foo k v O7", "me foo"),
    Case(
      "ms Zm9v 1 b\r\nx\r\nmg Zm9v b k s\r\nme Zm9v b\r\n", "ms Zm9v 1 b O7|x", "mg Zm9v b k s O7",
      "me Zm9v b b"),
    Case("ma Zm9vYg== b N0 k\r\nmg Zm9vYg== b k v\r\n", "ma Zm9vYg== b N0 k O7", "mg Zm9vYg== b k v O7"),
    // The proxy does not request a key that is not text if a server may print it raw.
    Case("mg \(blankKey) b k v\r\n", "mg \(blankKey) b v O7"),
    Case("mg \(lineKey) v O1 k b\r\n", "mg \(lineKey) v O1 b"),
    Case("ms \(lineKey) 1 b k\r\nx\r\n", "ms \(lineKey) 1 b k O7|x"),
    Case("md \(lineKey) b k q\r\n", "quietly md \(lineKey) b k O7"),
    Case("ma \(lineKey) b k\r\n", "ma \(lineKey) b k O7"),
    Case(
      "mg \(String(repeating: "QUFB", count: 62)) b k\r\n",
      "mg \(String(repeating: "QUFB", count: 62)) b k O7"),
    Case("mg \(String(repeating: "Q", count: 252)) b\r\n", bad),
  ]

  static let metaSets: [Case] = [
    Case("ms a 3\r\nabc\r\n", "ms a 3 O7|abc"),
    Case("ms a 0\r\n\r\nmg a v\r\n", "ms a 0 O7|", "mg a v O7"),
    Case("ms a 03 T0\n" + "abc\r\n", "ms a 3 T0 O7|abc"),
    Case("ms a +1\t q\r\nx\r\n", "quietly ms a 1 O7|x"),
    Case("  ms  a  1  q  \r\nx\r\n", "quietly ms a 1 O7|x"),
    Case("ms a 1 T30 F5 O1 k c\r\nx\r\nmg a f t v\r\n", "ms a 1 T30 F5 O1 k c|x", "mg a f t v O7"),
    Case("ms a 1 C99 I q\r\nx\r\n", "quietly ms a 1 C99 I O7|x"),
    Case("ms a 1 ME q\r\nx\r\nms a 1 ME q k\r\ny\r\n", "quietly ms a 1 ME O7|x", "quietly ms a 1 ME k O7|y"),
    Case(
      "ms a 1 MA\r\nx\r\nms a 1 MP q\r\nx\r\nms a 1 MR\r\nx\r\nms a 1 MS\r\nx\r\n", "ms a 1 MA O7|x",
      "quietly ms a 1 MP O7|x", "ms a 1 MR O7|x", "ms a 1 MS O7|x"),
    Case("ms a 4\r\n\r\n\r\n\r\n", "ms a 4 O7|\\r\\n\\r\\n"),
    Case("ms O 1 Ok k\r\nx\r\n", "ms O 1 Ok k|x"),
    // The length as clients of 1.6.0 to 1.6.9 wrote it.
    Case("ms a S2\r\nmn\r\n", bad, differs: .declared),
    Case("ms a T0 S2\r\nmn\r\nmn\r\n", bad, "mn", differs: .declared),
    Case("ms a T0 1\r\nx\r\n", bad, "ERROR"),
    Case("ms a\r\nmg a\r\n", bad, "mg a O7"),
    Case("ms\r\n", "ERROR"),
    Case("ms a x\r\nmg a\r\n", bad, "mg a O7"),
    Case("ms a -1\r\nmg a\r\n", bad, "mg a O7"),
    Case("ms a 2147483646\r\nmg a\r\n", bad, "mg a O7"),
    Case("ms a 4294967297 q\r\nx\r\n", "quietly ms a 1 O7|x"),
    Case("ms \(tooLongKey) 2\r\nmn\r\n", bad, differs: .declared),
    Case("ms a 2" + String(repeating: " v", count: 16) + "\r\nmn\r\n", duplicate),
    Case("ms a 2" + String(repeating: " v", count: 17) + "\r\nmn\r\n", flagsTooLong, differs: .declared),
    // The length of the value is known, so the value is skipped.
    Case("ms a 2 z\r\nmn\r\nmg a\r\n", invalid, "mg a O7"),
    Case("ms a 2 q z\r\nmn\r\nmg a\r\n", invalid, "mg a O7"),
    Case("ms a 2 v v\r\nmn\r\n", duplicate),
    Case("ms a 2 Tx\r\nmn\r\n", badToken),
    Case("ms a 2 Fx\r\nmn\r\n", bad),
    Case("ms a 2 Cx\r\nmn\r\n", badToken),
    Case("ms a 2 S2\r\nmn\r\n", invalid),
    Case("ms a 2 M\r\nmn\r\n", "CLIENT_ERROR incorrect length for M token"),
    Case("ms a 2 MX q\r\nmn\r\n", "CLIENT_ERROR invalid mode for ms M token"),
    Case("ms a 2 Me\r\nmn\r\n", "CLIENT_ERROR invalid mode for ms M token"),
    Case("ms a 2 \(tooLongOpaque)\r\nmn\r\n", tooLong),
    Case("ms a 2 \(tooLongOpaque) M?\r\nmn\r\n", "CLIENT_ERROR invalid mode for ms M token"),
    Case("ms a 2 z\r\nm", invalid, "skipping 3"),
    Case("ms a 1 q\r\nxyz\r\nmn\r\n", "CLIENT_ERROR bad data chunk", "ERROR", "mn"),
    Case("ms a 3\r\nx\r\nmn\r\n", "CLIENT_ERROR bad data chunk", "ERROR"),
    Case("ms a 2\r\nxx\nmn\r\n", "CLIENT_ERROR bad data chunk", "ERROR"),
    Case("ms a 2 q\r\nx", "open value 11"),
    Case("ms a 1 E5 c\r\nx\r\n", invalid),
    Case("ms a\0 1\r\nx\r\n", bad, differs: .ambiguous),
    Case("ms a 1 k\rx\r\nx\r\nmn\r\n", "ms a 1 k O7|x", "mn"),
    Case("ms a 1 Ok\rx\r\nx\r\nmn\r\n", bad, "mn", differs: .ambiguous),
  ]

  static let metaDeletes: [Case] = [
    Case("md a\r\n", "md a O7"),
    Case(
      "ms a 1\r\nx\r\nmd a q\r\nmd a q\r\nmd a\r\n", "ms a 1 O7|x", "quietly md a O7", "quietly md a O7",
      "md a O7"),
    Case(
      "ms a 1\r\nx\r\nmd a I T30 q\r\nmg a t v\r\nmg a v\r\nmd a\r\n", "ms a 1 O7|x", "quietly md a I T30 O7",
      "mg a t v O7", "mg a v O7", "md a O7"),
    Case(
      "ms a 1\r\nx\r\nmd a C1 q k O9\r\nmd a q\r\n", "ms a 1 O7|x", "quietly md a C1 k O9", "quietly md a O7"),
    Case("md a k O1\r\n", "md a k O1"),
    Case("md\r\n", "ERROR"),
    Case("md \(tooLongKey)\r\n", bad),
    Case("md a z\r\n", badFlags),
    Case("md a q q\r\n", badFlags),
    Case("md a Tx\r\n", badFlags),
    Case("md a M12 q\r\n", badFlags),
    Case("md a noreply\r\n", badFlags),
    Case("md a 0\r\n", badFlags),
    Case("md a MX\r\n", "md a MX O7"),
    Case("md a \(tooLongOpaque) q\r\n", tooLong),
    Case("md a" + String(repeating: " q", count: 18) + "\r\n", flagsTooLong),
    Case("md a x\r\n", badFlags),
    Case("md a\rb\r\n", bad, differs: .ambiguous),
  ]

  static let metaArithmetic: [Case] = [
    Case("ma a\r\n", "ma a O7"),
    Case(
      "ma a N0 J5 v\r\nma a v D3 k O1\r\nma a MD v\r\nma a q\r\nmd a\r\n", "ma a N0 J5 v O7",
      "ma a v D3 k O1",
      "ma a MD v O7", "quietly ma a O7", "md a O7"),
    Case(
      "ma a N0 T30\r\nma a M+ t c v\r\nma a M- D18446744073709551615 v\r\nmd a\r\n", "ma a N0 T30 O7",
      "ma a M+ t c v O7", "ma a M- D18446744073709551615 v O7", "md a O7"),
    Case(
      "ma a N0 q\r\nma a MI q v\r\nma a C5 q k\r\nmd a q\r\nma a q\r\n", "quietly ma a N0 O7",
      "quietly ma a MI v O7", "quietly ma a C5 k O7", "quietly md a O7", "quietly ma a O7"),
    Case(
      "ms a 1\r\nx\r\nma a q\r\nma a v\r\nmd a\r\n", "ms a 1 O7|x", "quietly ma a O7", "ma a v O7", "md a O7"),
    Case("ma\r\n", "ERROR"),
    Case("ma \(tooLongKey)\r\n", bad),
    Case("ma a z\r\n", badFlags),
    Case("ma a D\r\n", badFlags),
    Case("ma a Dx\r\n", badFlags),
    Case("ma a D-1\r\n", badFlags),
    Case("ma a D18446744073709551616\r\n", badFlags),
    Case("ma a J-\r\n", badFlags),
    Case("ma a Mincr\r\n", badFlags),
    Case("ma a ME\r\n", "CLIENT_ERROR invalid mode for ma M token"),
    Case("ma a Md q\r\n", "CLIENT_ERROR invalid mode for ma M token"),
    Case("ma a \(tooLongOpaque)\r\n", tooLong),
    Case("ma a \(tooLongOpaque) M?\r\n", "CLIENT_ERROR invalid mode for ma M token"),
    Case("ma a" + String(repeating: " v", count: 18) + "\r\n", flagsTooLong),
    Case("ma a E5\r\n", badFlags),
    Case("ma a\0 q\r\n", bad, differs: .ambiguous),
  ]

  static let metaDebugs: [Case] = [
    Case("me a\r\n", "me a"),
    Case("me a\n", "me a"),
    Case("ms a 1\r\nx\r\nme a\r\nme YQ== b\r\n", "ms a 1 O7|x", "me a", "me YQ== b b"),
    // Only a lone b is read.
    Case("me a q v v z b\r\n", "me a"),
    Case("me a bb\r\n", "me a"),
    Case("me Y-Q== b q\r\n", "me YQ== b b"),
    Case("me a" + String(repeating: " v", count: 50) + "\r\n", "me a"),
    Case("me\r\n", bad),
    Case("me \(tooLongKey)\r\n", bad),
    Case("me !! b\r\n", bad),
    Case("me \(longKey)\r\n", "me \(longKey)"),
    // The client may learn whether the item exists, but not what a server prints of it.
    Case("me \(lineKey) b\r\n", "mg \(lineKey) b u O7"),
    Case(
      "ms \(lineKey) 1 b\r\nx\r\nme \(lineKey) b\r\n", "ms \(lineKey) 1 b O7|x", "mg \(lineKey) b u O7",
      differs: .raw),
    Case("me YQ== b\0\r\n", bad, differs: .ambiguous),
    Case("me \r\r\nme a\rb\r\n", "EN", "EN"),
  ]
}
