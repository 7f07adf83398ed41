import Routing

/// The output of `ringroad placements`: every placement, as a table or as JSON lines.
package struct PlacementList {
  package init() {}

  /// The table, with its line ends.
  package var text: String {
    let rows = PlacementScheme.allCases.map { [$0.name, $0.defaultHash.name, $0.lookupCost, $0.users] }
    let head = ["PLACEMENT", "KEY HASH", "LOOKUP", "WHOSE"]
    let widths = (0..<3).map { i in ([head] + rows).map { $0[i].utf8.count }.max() ?? 0 }
    return ([head] + rows).map { row in
      (0..<3).map { row[$0] + String(repeating: " ", count: widths[$0] - row[$0].utf8.count + 2) }.joined()
        + row[3] + "\n"
    }.joined()
  }

  /// One JSON object for each placement, with its line end.
  package var json: String {
    PlacementScheme.allCases.map { scheme in
      let options = scheme.options.map(\.rawValue).sorted().map(jsonString).joined(separator: ",")
      let hashes = scheme.hashes.map { jsonString($0.name) }.joined(separator: ",")
      return #"{"name":\#(jsonString(scheme.name)),"users":\#(jsonString(scheme.users)),"#
        + #""hash":\#(jsonString(scheme.defaultHash.name)),"hashes":[\#(hashes)],"options":[\#(options)],"#
        + #""weights":\#(scheme.hasWeights),"labels":\#(scheme.hashesLabels),"#
        + #""lookup":\#(jsonString(scheme.lookupCost)),"#
        + #""when_server_fails":\#(jsonString(scheme.whenServerFails)),"#
        + #""here":\#(jsonString(scheme.standInRule))}"# + "\n"
    }.joined()
  }
}
