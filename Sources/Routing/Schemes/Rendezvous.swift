/// Ringroad's own placement.
enum RendezvousPlacements {
  static let all: [PlacementScheme] = [
    rendezvous
  ]

  /// Ringroad's own, for new clusters: weighted rendezvous hashing over a table of slots.
  static let rendezvous = PlacementScheme(
    "rendezvous", users: "new clusters: servers are known by name, and a change moves what it must",
    whenServerFails: "its keys go to the server with their next score", hash: .xxh3, labels: hostAndPort
  ) { .slots(SlotTable(names: $0.labels, weights: $0.servers.map(\.weight))) }
}
