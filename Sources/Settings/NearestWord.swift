/// The known word that was probably meant; nil if none is close.
///
/// Close means one typing error (a letter too many, missing, wrong, or two swapped) in a short word, and one per
/// three letters in a longer one; or the first three letters or more of a single known word. Case is ignored, and `-`
/// equals `_`.
package func nearestWord(to word: String, among known: [String]) -> String? {
  let wanted = folded(word)
  guard !wanted.isEmpty, wanted.count <= 64 else { return nil }
  var best: (word: String, slips: Int)?
  for candidate in known {
    let letters = folded(candidate)
    guard letters.count <= 128 else { continue }
    let slips = slipsBetween(wanted, letters)
    guard slips <= max(1, max(wanted.count, letters.count) / 3), slips < letters.count else { continue }
    if slips < best?.slips ?? .max { best = (candidate, slips) }
  }
  let longer = wanted.count < 3 ? [] : known.filter { folded($0).starts(with: wanted) }
  return best?.word ?? (longer.count == 1 ? longer[0] : nil)
}

private func folded(_ word: String) -> [UInt8] {
  word.utf8.map { byte in
    switch byte {
    case 65...90: byte | 32
    case 45: 95
    default: byte
    }
  }
}

/// The number of typing errors between two words; two swapped neighbours count as one (optimal string alignment).
private func slipsBetween(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var before: [Int] = []
  var above = Array(0...b.count)
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      let same = a[i] == b[j]
      var least = min(row[j] + 1, above[j + 1] + 1, above[j] + (same ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { least = min(least, before[j - 1] + 1) }
      row.append(least)
    }
    before = above
    above = row
  }
  return above[b.count]
}
