/// The faults of a world, and how often each occurs. Rates are in thousandths.
struct Weather {
  /// What the oracle may require of the proxy.
  enum Strictness {
    /// Nothing fails: every reply is known beforehand.
    case exact
    /// Requests may fail, but acknowledged changes hold, and a failed one was done once or not at all.
    case accountable
    /// Servers change or lie: a value is always complete, and one that was written to its key.
    case sound
  }

  var name: String
  var strictness: Strictness
  var clients = 1
  var missesOnFailure = true
  var writesMissOnFailure = true
  /// Per attempt to connect.
  var refusals = 0
  var silentConnects = 0
  /// Per request served: a reply after the deadline.
  var lateReplies = 0
  /// Per piece of bytes on its way to the proxy.
  var resets = 0
  var lies = 0
  /// Per chaos event, every few milliseconds.
  var stalls = 0
  var restarts = 0
  var outages = 0
  var ejections = 0
  var reloads = 0
  /// Per client and turn of that client.
  var leavings = 0
  var deafness = 0

  /// The weather of a seed.
  static func of(_ seed: UInt64, _ dice: inout Dice) -> Weather {
    let kinds: [(inout Dice) -> Weather] = [calm, calm, storm, moving, lying]
    var weather = kinds[Int(seed % UInt64(kinds.count))](&dice)
    weather.missesOnFailure = dice.happens(500)
    weather.writesMissOnFailure = dice.happens(500)
    return weather
  }

  static func calm(_ dice: inout Dice) -> Weather {
    var weather = Weather(name: "calm", strictness: .exact)
    weather.clients = dice.within(1...3)
    weather.leavings = dice.pick([0, 0, 60])
    weather.deafness = dice.pick([0, 30])
    return weather
  }

  static func storm(_ dice: inout Dice) -> Weather {
    var weather = Weather(name: "storm", strictness: .accountable)
    weather.clients = dice.within(1...3)
    weather.refusals = dice.pick([0, 200])
    weather.silentConnects = dice.pick([0, 100])
    weather.lateReplies = dice.pick([0, 20, 100])
    weather.resets = dice.pick([0, 10, 50])
    weather.stalls = dice.pick([0, 100])
    weather.restarts = dice.pick([0, 60])
    weather.outages = dice.pick([0, 60])
    weather.leavings = dice.pick([0, 40])
    weather.deafness = dice.pick([0, 30])
    return weather
  }

  static func moving(_ dice: inout Dice) -> Weather {
    var weather = storm(&dice)
    weather.name = "moving"
    weather.strictness = .sound
    weather.ejections = dice.pick([0, 150])
    weather.reloads = dice.pick([50, 150])
    return weather
  }

  static func lying(_ dice: inout Dice) -> Weather {
    var weather = Weather(name: "lying", strictness: .sound)
    weather.clients = dice.within(1...3)
    weather.lies = dice.pick([20, 60])
    weather.lateReplies = dice.pick([0, 20])
    weather.leavings = dice.pick([0, 40])
    return weather
  }
}
