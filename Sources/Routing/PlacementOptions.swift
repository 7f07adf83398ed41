/// What the clients of a placement were told besides their servers, key hash and hash tag. By default nothing.
package struct PlacementOptions: Hashable, Sendable {
  /// The seed of the key hash, as text.
  package var seed = ""
  /// Hashed behind every key.
  package var salt = ""
  /// Points for each server of weight 1; nil is the scheme's own number.
  package var points: Int?
  /// Whether the servers are sorted by host and port first.
  package var sortsServers = false
  /// Whether the clients gave their servers no weights.
  package var ignoresWeights = false
  /// Whether a server's label is its address even if it has a name.
  package var ignoresNames = false
  /// What of a key the clients hash, if they have a choice.
  package var keys: KeyKind?
  /// Hashed in front of every key.
  package var addedPrefix = ""
  /// Not hashed if a key begins with it.
  package var skippedPrefix = ""
  /// Only what stands before it in a key is hashed; empty hashes all.
  package var stop = ""
  /// As a hash tag, but nothing between the two is hashed as nothing.
  package var tags: HashTag?

  package init() {}
}

/// An option that only some placements have.
package enum PlacementOption: String, CaseIterable, Sendable {
  case seed, salt, points, order, weights, keys
  case filterStop = "filter_stop"
  case filterTags = "filter_tags"
}

/// What of a key is hashed, where clients have a choice.
package enum KeyKind: String, CaseIterable, Sendable {
  /// Keys that were text in Python, or `bytes`.
  case text, bytes
  /// The whole key, or only mcrouter's routing key.
  case whole, routing
}
