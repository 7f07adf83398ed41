import FuzzDriver
import Wire

/// Fuzzes the reply parser: some bytes that were parsed before, then a reply to a request that the input selects.
@_cdecl("FuzzReplies_main")
public func replyFuzz(_ count: CInt, _ words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
  // SAFETY: the process's own arguments, passed on.
  unsafe drive(count, words) { bytes, count in
    var choices = unsafe Choices(bytes, count)
    let kinds = Asked.Kind.allCases
    let chosen = choices.number(below: kinds.count + 1)
    guard chosen < kinds.count else {
      MetaFuzz.check(choices)
      return 0
    }
    let kind = kinds[chosen]
    let before = choices.bytes(choices.number(below: 4))
    let cut = choices.number(below: 65536)
    let key = choices.bytes(1 + choices.number(below: 250))
    guard !key.isEmpty else { return 0 }
    let asked = Asked(kind: kind, key: Array(key), maxValue: cut % 2 == 0 ? 1 << 20 : 40)
    ReplyInvariants.check(asked, before: before, reply: choices.rest, cut: cut % (choices.rest.count + 1))
    return 0
  }
}
