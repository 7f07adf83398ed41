import Settings

/// JSON to be written; objects keep the order of their members.
package typealias JSON = JSONDocument

extension JSONDocument {
  package static func object(_ members: KeyValuePairs<String, JSON>) -> JSON {
    .members(members.map { Member(name: $0.key, value: $0.value) })
  }

  package static func object(_ members: [Member]) -> JSON { .members(members) }
  package static func array(_ items: [JSON]) -> JSON { .list(items) }
  package static func string(_ text: String) -> JSON { .text(text) }
  package static func text(_ text: String?) -> JSON { text.map(JSON.string) ?? .null }
  package static func int(_ value: UInt64) -> JSON { .number(String(value)) }
  package static func count(_ count: Int) -> JSON { .int(UInt64(max(0, count))) }

  /// With at most nine decimals; null if it is not finite.
  package static func number(_ value: Double) -> JSON {
    let text = decimal(value)
    return text == "null" ? .null : .number(text)
  }
}

/// A number in decimal, without an exponent and with at most nine digits behind the point; `null` if it is not finite.
func decimal(_ value: Double) -> String {
  guard value.isFinite, abs(value) < 1e15 else { return "null" }
  let whole = abs(value).rounded(.down)
  let billionths = UInt64(((abs(value) - whole) * 1e9).rounded())
  let carried = billionths == 1_000_000_000
  let sign = value < 0 && (whole > 0 || billionths > 0) ? "-" : ""
  let front = sign + String(UInt64(whole) + (carried ? 1 : 0))
  guard billionths > 0, !carried else { return front }
  var digits = String(billionths)
  digits = String(repeating: "0", count: 9 - digits.count) + digits
  while digits.last == "0" { digits.removeLast() }
  return front + "." + digits
}
