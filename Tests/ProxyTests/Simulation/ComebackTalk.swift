import Foundation

@testable import Proxy

// What clients of a comeback ask and are told: in classic words and meta ones, long values and short, with
// answers wanted or not.

extension Comeback {
  private static func key(_ n: Int) -> String { "key:\(n)" }
  static let keyCount = 12

  // MARK: - Asking

  func ask(_ asker: Asker) {
    // What is left of a value whose request was answered before it was said.
    if !asker.unsaid.isEmpty { say(asker) }
    guard asker.unsaid.isEmpty else { return after(100...1000) { self.ask(asker) } }
    asker.keys = [Self.key(dice.below(Self.keyCount))]
    asker.start = now
    asker.isMeta = dice.happens(300)
    asker.isOwed = false
    versions += 1
    asker.version = versions
    let isQuiet = dice.happens(80)
    let text: String
    switch dice.below(1000) {
    case 0..<500:
      asker.wish = .read
      text = reading(asker)
    case 500..<800:
      asker.wish = .write
      text = writing(asker, isQuiet: isQuiet)
    case 800..<(1000 - flushes):
      asker.wish = .delete
      text =
        asker.isMeta ? "md \(word(asker))\r\n" : "delete \(asker.keys[0])\(isQuiet ? " noreply" : "")\r\n"
    default:
      asker.wish = .flush
      asker.isMeta = false
      asker.keys = (0..<Self.keyCount).map(Self.key)
      text = "flush_all\r\n"
    }
    asker.isWaiting = asker.isMeta || asker.wish == .read || asker.wish == .flush || !isQuiet
    // Of a delete that nobody answers nothing can be held against anybody.
    if asker.wish == .write || asker.wish != .read && asker.isWaiting {
      let write = Write(
        start: now, end: asker.isWaiting ? .max : now + 2 * Self.patience, isQuiet: !asker.isWaiting,
        seat: asker.seat.number)
      for key in asker.keys { histories[key, default: KeyHistory()].writes[asker.version] = write }
    }
    note("worker \(asker.seat.number), \(asker.version): \(text.debugDescription)")
    if !asker.isWaiting { after(100...4000) { self.ask(asker) } }
    asker.unsaid = Array(text.utf8)
    // Half of a long value first.
    let count = asker.unsaid.count
    say(asker, atMost: count > 100 && dice.happens(500) ? dice.within(50...count) : count)
    if !asker.unsaid.isEmpty { after(50...3000) { self.say(asker) } }
  }

  /// The key as it is, or in base64.
  private func word(_ asker: Asker) -> String {
    let key = asker.keys[0]
    return dice.happens(500) ? key : Data(key.utf8).base64EncodedString() + " b"
  }

  private func reading(_ asker: Asker) -> String {
    if asker.isMeta {
      let key = asker.keys[0]
      return dice.happens(500) ? "mg \(key) v\r\n" : "mg \(Data(key.utf8).base64EncodedString()) b v\r\n"
    }
    for _ in 0..<dice.pick([0, 0, 1, 3]) { asker.keys.append(Self.key(dice.below(Self.keyCount))) }
    return dice.pick(["get ", "gets ", "gat 0 "]) + asker.keys.joined(separator: " ") + "\r\n"
  }

  private func writing(_ asker: Asker, isQuiet: Bool) -> String {
    let filler = dice.happens(300) ? ":" + String(repeating: "x", count: dice.within(50...300)) : ""
    let value = "\(asker.version)\(filler)"
    let key = asker.keys[0]
    if asker.isMeta {
      let mode = dice.pick(["", "", "", " MR"])
      let isEncoded = dice.happens(500)
      let word = isEncoded ? Data(key.utf8).base64EncodedString() : key
      return "ms \(word) \(value.utf8.count)\(isEncoded ? " b" : "")\(mode)\r\n\(value)\r\n"
    }
    let verb = dice.pick(["set", "set", "set", "add", "replace"])
    return "\(verb) \(key) 0 0 \(value.utf8.count)\(isQuiet ? " noreply" : "")\r\n\(value)\r\n"
  }

  /// The proxy reads what its client has said.
  func say(_ asker: Asker, atMost n: Int = .max) {
    guard !asker.isPaused, !asker.unsaid.isEmpty else { return }
    let bytes = Array(asker.unsaid.prefix(n))
    asker.unsaid.removeFirst(bytes.count)
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe asker.seat.worker.clientReceived(asker.slot, bytes.span.bytes, now: moment)
    endTurn(asker.seat)
  }

  // MARK: - Being told

  /// The client takes what there is for it.
  func hear(_ asker: Asker) {
    let count = asker.seat.worker.clients[asker.slot].output.count
    guard count > 0 else { return }
    asker.heard += asker.seat.worker.bytes(for: asker.slot, count)
    asker.seat.worker.sent(client: asker.slot, count, now: moment)
    guard asker.isWaiting else { return fail("a client was told what it did not ask for") }
    guard let last = asker.heard.last, last == 10, let heard = Told(asker.heard, isRead: asker.wish == .read)
    else { return }
    note("worker \(asker.seat.number) answers \(asker.version): \(heard)")
    asker.isWaiting = false
    asker.heard = []
    if asker.wish == .read {
      for (key, version) in heard.values { judge(key ?? asker.keys[0], version, asker) }
    } else {
      if Self.misses.contains(heard.line), asker.wish != .flush {
        if writesMissOnFailure { misses += 1 }
        for key in asker.keys { histories[key]?.miss(asker.version, at: now) }
      }
      conclude(asker, isDone: ["STORED", "DELETED", "NOT_FOUND", "OK", "HD", "NF"].contains(heard.line))
    }
    after(100...4000) { self.ask(asker) }
  }

  private func judge(_ key: String, _ version: Int?, _ asker: Asker) {
    reads += 1
    guard let version, asker.keys.contains(key) else { return fail("\(key) is nothing that was written") }
    let (seat, history) = (asker.seat.number, histories[key] ?? KeyHistory())
    if history.isStale(version, readAt: asker.start, by: seat, grace: 2 * Self.patience) {
      fail("\(key) is \(version)")
    }
    if history.isUndone(version, readAt: asker.start, by: seat, patience: Self.patience) {
      fail("\(key) is \(version), which was not to be written")
    }
  }

  /// What a write is told whose key is not there, or is, or whose server has failed.
  private static let misses: Set<String> = ["NOT_STORED", "NOT_FOUND", "NS", "NF"]

  private func conclude(_ asker: Asker, isDone: Bool) {
    // A flush that a server owes is done on some, and will be on that one: it is over and not done.
    let isDone = isDone && !asker.isOwed
    for key in asker.keys { histories[key]?.end(asker.version, at: now, isDone: isDone) }
  }

  /// Whether a flush has left out a server that is out, as far as this worker knows.
  func noteOwed(_ seat: Seat) {
    for workerEvent in seat.worker.events {
      guard case .flushOwed = workerEvent else { continue }
      for asker in askers where asker.seat === seat && asker.isWaiting && asker.wish == .flush {
        asker.isOwed = true
      }
    }
  }

  /// The proxy has closed the connection, as it must when it cannot give the rest of a value; the client comes anew.
  func closed(_ slot: UInt32, of seat: Seat) {
    seat.worker.closed(client: slot)
    guard let asker = askers.first(where: { $0.seat === seat && $0.slot == slot }) else { return }
    note("worker \(seat.number) closes the client of \(asker.version)")
    if asker.isWaiting {
      if asker.wish != .read { conclude(asker, isDone: false) }
      after(100...4000) { self.ask(asker) }
    }
    asker.begin(seat.worker.open())
  }

  // MARK: - What servers do

  /// What a server is about to be asked, before it takes that from its connection.
  func deed(_ line: [UInt8], _ inbox: Inbox) -> Doing? {
    let words = line.split(separator: 32)
    guard let first = words.first else { return nil }
    switch String(decoding: first, as: UTF8.self) {
    case "flush_all": return Doing(wish: .flush, key: "", version: nil)
    case "delete", "md": return Doing(wish: .delete, key: key(words), version: nil)
    case "set", "add", "replace", "ms":
      let place = first.count == 2 ? 2 : 4
      guard words.count > place, let size = Int(String(decoding: words[place], as: UTF8.self)),
        let body = inbox.body(after: line.count + 2, count: size)
      else { return nil }
      return Doing(wish: .write, key: key(words), version: Told.version(body[...]))
    default: return nil
    }
  }

  private func key(_ words: [ArraySlice<UInt8>]) -> String {
    guard words.count > 1 else { return "" }
    let isEncoded = words[0].count == 2 && words.dropFirst(2).contains { $0.elementsEqual("b".utf8) }
    guard isEncoded, let key = Data(base64Encoded: Data(words[1])) else {
      return String(decoding: words[1], as: UTF8.self)
    }
    return String(decoding: key, as: UTF8.self)
  }

  /// A server did it.
  func note(_ doing: Doing, _ reply: [UInt8], by host: Host) {
    note("\(host.model.name) does \(doing)")
    let deed = (server: host.model.name, time: now)
    switch doing.wish {
    case .write:
      guard let version = doing.version, Told.isDone(reply) else { return }
      histories[doing.key]?.writes[version]?.deeds.append(deed)
    default:
      // Whose it is does not show: all that are underway.
      for asker in askers where asker.isWaiting && asker.wish == doing.wish {
        for key in asker.keys where doing.wish == .flush || key == doing.key {
          histories[key]?.writes[asker.version]?.deeds.append(deed)
        }
      }
    }
  }

  /// The worker has been told that it was done, in time: who wants no answer may count on it as well.
  func settle(_ doing: Doing) {
    guard let version = doing.version, let write = histories[doing.key]?.writes[version], write.isQuiet,
      now - write.start < Self.patience
    else { return }
    histories[doing.key]?.end(version, at: now, isDone: true)
  }
}

/// What a server is asked to do to a key.
struct Doing {
  var wish: Asker.Wish
  var key: String
  var version: Int?
}

/// A whole answer as a client of a comeback reads it.
struct Told: CustomStringConvertible {
  /// Its last line, or the two letters of a meta answer.
  var line: String
  /// Keys, where they are told, and the versions that their values begin with.
  var values: [(key: String?, version: Int?)] = []

  var description: String { "\(line) \(values)" }

  /// Nil when there is more to come.
  init?(_ bytes: [UInt8], isRead: Bool) {
    var rest = bytes[...]
    while let end = rest.firstIndex(of: 10) {
      let words = rest[..<end].dropLast().split(separator: 32)
      rest = rest[(end + 1)...]
      guard let first = words.first else { return nil }
      line = String(decoding: first, as: UTF8.self)
      let place = line == "VALUE" ? 3 : line == "VA" ? 1 : 0
      guard isRead, place > 0 else { return }
      guard words.count > place, let size = Int(String(decoding: words[place], as: UTF8.self)),
        rest.count >= size + 2
      else { return nil }
      let key = place == 3 ? String(decoding: words[1], as: UTF8.self) : nil
      values.append((key, Self.version(rest)))
      rest = rest.dropFirst(size + 2)
      if place == 1 { return }
    }
    return nil
  }

  static func version(_ value: ArraySlice<UInt8>) -> Int? {
    Int(String(decoding: value.prefix { $0 >= 48 && $0 <= 57 }, as: UTF8.self))
  }

  static func isDone(_ reply: [UInt8]) -> Bool {
    reply.starts(with: "STORED".utf8) || reply.starts(with: "HD".utf8)
  }
}
