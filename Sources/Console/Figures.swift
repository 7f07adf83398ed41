// Numbers as people read them, each in few columns.

/// A number with this many decimals, rounded.
func fixed(_ value: Double, _ decimals: Int) -> String {
  let scale = [1, 10, 100, 1000][min(3, max(0, decimals))]
  guard value.isFinite, abs(value) < 1e15 else { return "-" }
  let scaled = Int((abs(value) * Double(scale)).rounded())
  let sign = value < 0 && scaled > 0 ? "-" : ""
  guard decimals > 0 else { return "\(sign)\(scaled)" }
  let fraction = String(scaled % scale)
  return "\(sign)\(scaled / scale).\(String(repeating: "0", count: decimals - fraction.count))\(fraction)"
}

/// Three digits: `9.87`, `98.7`, `987`.
private func digits(_ value: Double) -> String {
  fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0)
}

/// A count or a rate in at most five columns: `0`, `3.4`, `999`, `12.3k`, `1.20M`; `-` if it is not known.
func amount(_ value: Double?) -> String {
  guard let value, value.isFinite, value >= 0 else { return "-" }
  if value < 0.05 { return value > 0 ? "<0.1" : "0" }
  if value < 9.95 { return value == value.rounded() ? fixed(value, 0) : fixed(value, 1) }
  if value < 999.5 { return fixed(value, 0) }
  if value < 999_500 { return digits(value / 1e3) + "k" }
  if value < 999_500_000 { return digits(value / 1e6) + "M" }
  return value < 999_500_000_000 ? digits(value / 1e9) + "G" : ">999G"
}

/// A latency in at most six columns: `123us`, `1.23ms`, `12.3s`; `-` if it is not known.
func latency(_ seconds: Double?) -> String {
  guard let seconds, seconds.isFinite, seconds >= 0 else { return "-" }
  if seconds < 0.000_999_5 { return fixed(seconds * 1e6, 0) + "us" }
  if seconds < 0.999_5 { return digits(seconds * 1e3) + "ms" }
  return seconds < 9999 ? digits(seconds) + "s" : ">9999s"
}

/// A share in at most five columns: `0%`, `98.7%`, `100%`; `-` if it is not known. Only all is 100 %, only none is 0 %.
func share(_ part: Double?) -> String {
  guard let part, part.isFinite, part >= 0 else { return "-" }
  if part == 0 { return "0%" }
  if part < 0.000_5 { return "<.1%" }
  if part < 1, part >= 0.999_5 { return "99.9%" }
  return part < 0.999_5 ? fixed(part * 100, 1) + "%" : fixed(min(part, 99) * 100, 0) + "%"
}

/// A size in at most seven columns: `512B`, `12.3MiB`.
func size(_ bytes: Double?) -> String {
  guard let bytes, bytes.isFinite, bytes >= 0 else { return "-" }
  var (value, unit) = (bytes, 0)
  let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
  while value >= 999.5, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
  return (unit == 0 ? fixed(value, 0) : digits(value)) + units[unit]
}

/// How long ago something was, in at most four columns: `0s`, `59s`, `59m`, `47h`, `365d`.
func age(_ seconds: Double) -> String {
  guard seconds.isFinite else { return "-" }
  let seconds = Int(min(max(0, seconds), 1e9))
  if seconds < 60 { return "\(seconds)s" }
  if seconds < 3600 { return "\(seconds / 60)m" }
  if seconds < 48 * 3600 { return "\(seconds / 3600)h" }
  return "\(min(999, seconds / 86_400))d"
}

/// How long something has been there: `12s`, `5m 3s`, `3h 12m`, `12d 4h`.
func span(_ seconds: Double) -> String {
  guard seconds.isFinite else { return "-" }
  let seconds = Int(min(max(0, seconds), 1e10))
  if seconds < 60 { return "\(seconds)s" }
  if seconds < 3600 { return "\(seconds / 60)m \(seconds % 60)s" }
  if seconds < 86_400 { return "\(seconds / 3600)h \(seconds / 60 % 60)m" }
  return "\(seconds / 86_400)d \(seconds / 3600 % 24)h"
}
