// What may reach the terminal: only characters that are one column wide and do nothing else.

/// Whether a character takes exactly one column of every terminal and does nothing else: no control character, no
/// escape, nothing that joins, turns the direction of writing, or is wide.
func isPlain(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0x20...0x7E, 0xA1...0xAC, 0xAE...0x2FF, 0x370...0x377, 0x37A...0x37F, 0x384...0x38A, 0x38C,
    0x38E...0x3A1,
    0x3A3...0x482, 0x48A...0x52F:
    true
  // What the frame itself is made of: dashes, the ellipsis, arrows, lines and blocks.
  case 0x2013, 0x2014, 0x2026, 0x2190...0x2193, 0x2500...0x259F, 0x25B4, 0x25BE: true
  default: false
  }
}

/// The same text with a question mark for each character that is not plain.
func printable(_ text: some StringProtocol) -> String {
  if text.utf8.allSatisfy({ $0 >= 32 && $0 < 127 }) { return String(text) }
  var out = String.UnicodeScalarView()
  for scalar in text.unicodeScalars { out.append(isPlain(scalar) ? scalar : "?") }
  return String(out)
}
