import Glibc
import Routing

/// A candidate, and how much of a sample it explains: the keys that are on the server that it says.
struct AdoptionFit {
  var candidate: AdoptionCandidate
  var explained: Int
  /// The number of keys that it was compared with.
  let keys: Int
  /// Others that place all these keys the same.
  var equals: [AdoptionCandidate] = []

  var share: Double { keys == 0 ? 0 : Double(explained) / Double(keys) }

  /// Whether it explains more than a placement that has nothing to do with the keys, which is right about one of as many
  /// keys as there are servers. The best of several hundred such is about four standard deviations above that, and more
  /// where the order of the servers was chosen to fit.
  var isSignificant: Bool {
    let servers = Double(candidate.order.count)
    guard servers > 1, keys > 0 else { return explained > 0 }
    let chance = 1 / servers
    var limit = chance + 4 * (chance * (1 - chance) / Double(keys)).squareRoot()
    if candidate.isPositional { limit += (2 * log(servers) / Double(keys)).squareRoot() }
    // Less than a tenth of what chance leaves is not worth a name.
    return share > max(limit, chance + (1 - chance) / 10) || explained == keys && keys < 50
  }
}

/// Two placements that together explain a sample, with their shares of the keys that they place differently.
struct AdoptionMixture {
  let second: AdoptionFit
  let firstShare: Double
  let secondShare: Double
}

/// What a search has found.
struct AdoptionResult {
  enum Verdict: String { case exact, partial, nothing }

  let sample: AdoptionSample
  /// The best first; each with those that place the sample the same.
  let fits: [AdoptionFit]
  let mixture: AdoptionMixture?
  /// The number of placements that were tried.
  let tried: Int

  var verdict: Verdict {
    guard let best = fits.first, best.explained > 0 else { return .nothing }
    // Keys of one server alone fit whatever favours it.
    if sample.servers.count > 1, sample.serversWithKeys < 2 { return .nothing }
    if best.explained == best.keys { return .exact }
    return best.isSignificant ? .partial : .nothing
  }

  /// All that explain every key place them the same, so they are one fit.
  var best: AdoptionFit? { fits.first }
  var runnerUp: AdoptionFit? { fits.dropFirst().first }
  /// With fewer keys other placements may fit by chance.
  var isSmall: Bool { sample.keys.count < 50 }
}

/// Compares every placement with a sample: a few keys first, then all of them with those that are not far behind.
struct AdoptionSearch {
  /// The number of keys that all candidates are compared with.
  private static let screenKeys = 200
  private static let mostScreenKeys = 2000
  /// Candidates below this share of the best are not compared with all keys.
  private static let screenShare = 0.6
  /// A best that explains less is looked at as a part of a mixture.
  private static let mixtureBelow = 0.98
  /// Two parts that explain less than this are no mixture, but something else.
  private static let leastMixture = 0.9
  /// A part of a mixture below this is noise.
  private static let leastPart = 0.05

  let sample: AdoptionSample
  private let candidates: [AdoptionCandidate]
  /// The plans that take long to make: a table of slots is 50 ms.
  private let known: [PoolPlan]
  private let progress: (_ done: Int, _ of: Int) -> Void

  init(
    _ sample: AdoptionSample, among schemes: [PlacementScheme] = PlacementScheme.allCases,
    progress: @escaping (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) {
    self.sample = sample
    self.progress = progress
    candidates = AdoptionCandidates.all(for: sample, among: schemes)
    known = candidates.map(\.pool).filter { $0.placement == .rendezvous }.map { $0.plan() }
  }

  func result() -> AdoptionResult {
    guard !sample.keys.isEmpty else {
      return AdoptionResult(sample: sample, fits: [], mixture: nil, tried: 0)
    }
    var fits = best(of: candidates, for: Array(sample.keys.indices))
    if let first = fits.first { fits[0] = withBestOrder(first) }
    var mixture: AdoptionMixture?
    if let first = fits.first, first.share < Self.mixtureBelow, first.isSignificant, sample.servers.count > 1
    {
      mixture = self.mixture(with: first)
    }
    return AdoptionResult(sample: sample, fits: fits, mixture: mixture, tried: candidates.count)
  }

  // MARK: Counting

  /// The candidates that explain most of some keys, grouped.
  private func best(of candidates: [AdoptionCandidate], for keys: [Int]) -> [AdoptionFit] {
    let screen = keys.prefix(
      min(max(Self.screenKeys, 4 * sample.servers.count), Self.mostScreenKeys))
    var shares: [Int] = []
    for (i, candidate) in candidates.enumerated() {
      progress(i, candidates.count)
      shares.append(fit(candidate, Array(screen)).fit.explained)
    }
    // The next ones below are kept too, for there is always a runner-up.
    let limit = Double(shares.max() ?? 0) * Self.screenShare
    let next = Set(shares.filter { Double($0) < limit }).max() ?? 0
    let least = min(limit, Double(next))
    var groups: [AdoptionFit] = []
    var places: [[Int]: Int] = [:]
    for (candidate, share) in zip(candidates, shares) where Double(share) >= least {
      let (fit, servers) = fit(candidate, keys)
      // A hash stands for the servers of all keys.
      var hasher = Hasher()
      hasher.combine(servers)
      let mark = [fit.explained, hasher.finalize()]
      if let group = places[mark] {
        groups[group].equals.append(fit.candidate)
      } else {
        places[mark] = groups.count
        groups.append(fit)
      }
    }
    return groups.enumerated()
      .sorted { ($1.element.explained, $0.offset) < ($0.element.explained, $1.offset) }
      .map(\.element)
  }

  /// Compares a candidate with some keys, in the order of servers that fits them best; with the server of each.
  private func fit(_ candidate: AdoptionCandidate, _ keys: [Int]) -> (fit: AdoptionFit, servers: [Int]) {
    var candidate = candidate
    let places = candidate.places(of: keys, in: sample, known: known)
    if candidate.isPositional {
      let owners = keys.map { sample.owners[$0] }
      candidate = candidate.ordered(Self.assignment(places, owners, count: candidate.order.count))
    }
    let servers = places.map { candidate.order.indices.contains($0) ? candidate.order[$0] : 0 }
    let explained = zip(keys, servers).reduce(0) { $0 + (sample.owners[$1.0] == $1.1 ? 1 : 0) }
    return (AdoptionFit(candidate: candidate, explained: explained, keys: keys.count), servers)
  }

  /// The server for each position: those with the most keys in common first, the given order where keys do not tell.
  static func assignment(_ places: [Int], _ owners: [Int], count: Int) -> [Int] {
    // Of each pair of a position and a server, as one number.
    var common: [Int: Int] = [:]
    for (place, owner) in zip(places, owners) where place < count && owner < count {
      common[place * count + owner, default: 0] += 1
    }
    let pairs = common.sorted { a, b in
      if a.value != b.value { return a.value > b.value }
      let (isGivenA, isGivenB) = (a.key / count == a.key % count, b.key / count == b.key % count)
      return isGivenA != isGivenB ? isGivenA : a.key < b.key
    }.map(\.key)
    var servers = [Int?](repeating: nil, count: count)
    var isTaken = [Bool](repeating: false, count: count)
    for pair in pairs where servers[pair / count] == nil && !isTaken[pair % count] {
      servers[pair / count] = pair % count
      isTaken[pair % count] = true
    }
    for i in servers.indices where servers[i] == nil && !isTaken[i] {
      servers[i] = i
      isTaken[i] = true
    }
    var free = isTaken.indices.filter { !isTaken[$0] }[...]
    return servers.map { $0 ?? free.popFirst() ?? 0 }
  }

  /// On a ring the order decides which of two equal points wins: a few keys.
  private func withBestOrder(_ first: AdoptionFit) -> AdoptionFit {
    guard !first.candidate.isPositional, first.explained < first.keys, first.share > Self.mixtureBelow
    else { return first }
    var best = first
    for order in AdoptionCandidates.orders(of: sample.servers) {
      var (fit, _) = fit(first.candidate.ordered(order), Array(sample.keys.indices))
      fit.equals = first.equals
      if fit.explained > best.explained { best = fit }
    }
    return best
  }

  // MARK: Mixtures

  /// The candidate that explains most of the keys that the best one does not, if it explains more than chance does.
  private func mixture(with first: AdoptionFit) -> AdoptionMixture? {
    let all = Array(sample.keys.indices)
    let firstServers = fit(first.candidate.fixed, all).servers
    let rest = all.filter { firstServers[$0] != sample.owners[$0] }
    guard let second = best(of: candidates, for: rest).first, second.isSignificant else { return nil }
    let secondServers = fit(second.candidate.fixed, all).servers
    let parted = all.filter { firstServers[$0] != secondServers[$0] }
    // Of two servers the opposite of anything explains what it does not.
    if sample.servers.count == 2, parted.count == all.count { return nil }
    let ofFirst = parted.filter { firstServers[$0] == sample.owners[$0] }.count
    let ofSecond = parted.filter { secondServers[$0] == sample.owners[$0] }.count
    guard !parted.isEmpty else { return nil }
    let (firstShare, secondShare) = (
      Double(ofFirst) / Double(parted.count), Double(ofSecond) / Double(parted.count)
    )
    guard secondShare >= Self.leastPart, firstShare + secondShare >= Self.leastMixture,
      second.explained * 2 > rest.count
    else { return nil }
    return AdoptionMixture(second: second, firstShare: firstShare, secondShare: secondShare)
  }
}
