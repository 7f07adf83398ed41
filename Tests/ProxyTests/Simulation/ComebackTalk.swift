import Bytes
import Foundation

@testable import Proxy

// The requests of clients in a comeback world, and the answers to them: classic and meta commands, large and small
// values, with and without replies.

extension Comeback {
  private static func key(_ n: Int) -> String { "key:\(n)" }
  static let keyCount = 12

  // MARK: - Requests

  func ask(_ asker: Asker) {
    // The rest of a value with a request that was answered before the value was sent in full.
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
    // A delete without a reply proves nothing about stale values.
    if asker.wish == .write || asker.wish != .read && asker.isWaiting {
      let write = Write(
        start: now, end: asker.isWaiting ? .max : now + 2 * Self.patience, isQuiet: !asker.isWaiting,
        seat: asker.seat.number)
      for key in asker.keys { histories[key, default: KeyHistory()].writes[asker.version] = write }
    }
    note("worker \(asker.seat.number), \(asker.version): \(text.debugDescription)")
    if !asker.isWaiting { after(100...4000) { self.ask(asker) } }
    asker.unsaid = Array(text.utf8)
    // Half of a large value first.
    let count = asker.unsaid.count
    say(asker, atMost: count > 100 && dice.happens(500) ? dice.within(50...count) : count)
    if !asker.unsaid.isEmpty { after(50...3000) { self.say(asker) } }
  }

  /// The key as text, or in base64.
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

  /// The proxy reads what its client has sent.
  func say(_ asker: Asker, atMost n: Int = .max) {
    guard !asker.isPaused, !asker.unsaid.isEmpty else { return }
    let bytes = Array(asker.unsaid.prefix(n))
    asker.unsaid.removeFirst(bytes.count)
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe asker.seat.worker.clientReceived(asker.slot, bytes.span.bytes, now: moment)
    endTurn(asker.seat)
  }

  // MARK: - Replies

  /// The client reads what was sent to it.
  func hear(_ asker: Asker) {
    let count = asker.seat.worker.dispatcher.downstream.clients[asker.slot].output.count
    guard count > 0 else { return }
    asker.heard += asker.seat.worker.bytes(for: asker.slot, count)
    asker.seat.worker.sent(client: asker.slot, count, now: moment)
    guard asker.isWaiting else { return fail("a client got a reply that it did not request") }
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
    guard let version, asker.keys.contains(key) else { return fail("\(key) has an unwritten value") }
    let (seat, history) = (asker.seat.number, histories[key] ?? KeyHistory())
    if history.isStale(version, readAt: asker.start, by: seat, grace: 2 * Self.patience) {
      fail("\(key) has the stale value \(version)")
    }
    if history.isUndone(version, readAt: asker.start, by: seat, patience: Self.patience) {
      fail("\(key) has value \(version) of a write reported as not done")
    }
  }

  /// Replies to a write if its key is missing, or exists, or its server has failed.
  private static let misses: Set<String> = ["NOT_STORED", "NOT_FOUND", "NS", "NF"]

  private func conclude(_ asker: Asker, isDone: Bool) {
    // With a flush owed to a server, it is done on some and will be done there: it has ended, but is not done.
    let isDone = isDone && !asker.isOwed
    for key in asker.keys { histories[key]?.end(asker.version, at: now, isDone: isDone) }
  }

  /// Marks the flushes that were not sent to a server that is out, as far as this worker knows.
  func noteOwed(_ seat: Seat) {
    for workerEvent in seat.worker.dispatcher.common.events {
      guard case .flushOwed = workerEvent else { continue }
      for asker in askers where asker.seat === seat && asker.isWaiting && asker.wish == .flush {
        asker.isOwed = true
      }
    }
  }

  /// The proxy closed the connection because it could not deliver the rest of a value; the client reconnects.
  func closed(_ slot: Ref<Client>, of seat: Seat) {
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

  /// The change that a server is about to execute, before it takes the request from its connection.
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

  /// Records that a server executed a change.
  func note(_ doing: Doing, _ reply: [UInt8], by host: Host) {
    note("\(host.model.name) does \(doing)")
    let deed = (server: host.model.name, time: now)
    switch doing.wish {
    case .write:
      guard let version = doing.version, Told.isDone(reply) else { return }
      histories[doing.key]?.writes[version]?.deeds.append(deed)
    default:
      // The request does not show its client: recorded for all in flight.
      for asker in askers where asker.isWaiting && asker.wish == doing.wish {
        for key in asker.keys where doing.wish == .flush || key == doing.key {
          histories[key]?.writes[asker.version]?.deeds.append(deed)
        }
      }
      // It may be the deletion promised to clients whose writes were answered as misses.
      if doing.wish == .delete { histories[doing.key]?.deletePromised(deed) }
    }
  }

  /// The worker got the reply in time, so a client that wants no reply may rely on the change as well.
  func settle(_ doing: Doing) {
    guard let version = doing.version, let write = histories[doing.key]?.writes[version], write.isQuiet,
      now - write.start < Self.patience
    else { return }
    histories[doing.key]?.end(version, at: now, isDone: true)
  }
}

/// A change of a key that a server executes.
struct Doing {
  var wish: Asker.Wish
  var key: String
  var version: Int?
}

/// A whole reply as a client of a comeback world reads it.
struct Told: CustomStringConvertible {
  /// Its last line, or the two letters of a meta reply.
  var line: String
  /// Keys, where they are given, and the versions at the start of their values.
  var values: [(key: String?, version: Int?)] = []

  var description: String { "\(line) \(values)" }

  /// Nil if more must arrive.
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
