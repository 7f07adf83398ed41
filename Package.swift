// swift-tools-version: 6.2
import PackageDescription

/// Every target: strict memory safety, and a warning is an error.
let house: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

/// Targets that hand out spans of memory they own.
let spans: [SwiftSetting] = house + [.enableExperimentalFeature("Lifetimes")]

/// `RINGROAD_FUZZ=1` (`make fuzz`) adds the fuzz targets, and instruments what they run.
let isFuzzing = Context.environment["RINGROAD_FUZZ"] != nil
let instrumented: [SwiftSetting] = isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address"])] : []

let package = Package(
  name: "ringroad",
  products: [
    .executable(name: "ringroad", targets: ["ringroad"])
  ],
  targets: [
    // C libraries, found by pkg-config.
    .systemLibrary(name: "CLibevent", pkgConfig: "libevent_extra", providers: [.apt(["libevent-dev"])]),
    .systemLibrary(name: "CLibyaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CRingroad"),

    // The house, bottom up; docs/ARCHITECTURE.md is its map.
    .target(name: "Topology", swiftSettings: house),
    .target(name: "Bytes", swiftSettings: spans + instrumented),
    .target(name: "Wire", dependencies: ["Bytes"], swiftSettings: house + instrumented),
    .target(name: "Routing", dependencies: ["Bytes", "Topology", "COpenSSL"], swiftSettings: spans),
    .target(name: "Health", dependencies: ["Bytes", "Topology"], swiftSettings: house),
    .target(name: "Stats", dependencies: ["Bytes", "Topology", "Wire"], swiftSettings: house),
    .target(name: "Settings", dependencies: ["Routing", "Topology", "CLibyaml"], swiftSettings: house),
    .target(
      name: "Proxy", dependencies: ["Bytes", "Topology", "Wire", "Routing", "Stats"],
      swiftSettings: house),
    .target(
      name: "Net", dependencies: ["Bytes", "CLibevent", "CRingroad"], swiftSettings: spans,
      // libevent_extra, which pkg-config names, has only the HTTP server.
      linkerSettings: [.linkedLibrary("event_core")]),
    .target(
      name: "Control", dependencies: ["Topology", "Health", "Settings", "Proxy", "Stats"],
      swiftSettings: house),
    .target(
      name: "Admin", dependencies: ["Bytes", "Net", "Routing", "Settings", "Stats", "Topology", "Wire"],
      exclude: ["Page"],
      swiftSettings: house),
    .target(
      name: "Runtime", dependencies: ["Admin", "Proxy", "Control", "Settings", "Net", "CRingroad"],
      swiftSettings: house),
    .target(name: "Bench", dependencies: ["Bytes", "Net", "Settings"], swiftSettings: house),
    .target(name: "Demo", dependencies: ["Settings", "Net"], swiftSettings: house),
    .target(name: "Console", dependencies: ["Bytes", "Net", "Routing", "Settings"], swiftSettings: house),
    .executableTarget(
      name: "ringroad", dependencies: ["Runtime", "Bench", "Console", "Demo", "Settings", "Net"],
      swiftSettings: house),

    // What several test targets use; nothing of the product does.
    .target(
      name: "TestSupport", dependencies: ["Topology"], path: "Tests/TestSupport", swiftSettings: house),
    .testTarget(name: "TopologyTests", dependencies: ["Topology"], swiftSettings: house),
    .testTarget(name: "BytesTests", dependencies: ["Bytes", "TestSupport"], swiftSettings: house),
    .testTarget(
      name: "WireTests", dependencies: ["Wire", "TestSupport"], resources: [.copy("Vectors")],
      swiftSettings: house),
    .testTarget(
      name: "PlacementTests", dependencies: ["Bytes", "Routing", "Settings", "TestSupport"],
      resources: [.copy("Vectors")],
      swiftSettings: spans),
    .testTarget(name: "HealthTests", dependencies: ["Health", "TestSupport"], swiftSettings: house),
    .testTarget(name: "StatsTests", dependencies: ["Stats", "TestSupport"], swiftSettings: house),
    .testTarget(
      name: "SettingsTests", dependencies: ["Settings", "TestSupport"], swiftSettings: house),
    .testTarget(
      name: "ProxyTests", dependencies: ["Proxy", "Control", "Settings", "TestSupport"], swiftSettings: house),
    .testTarget(
      name: "ControlTests", dependencies: ["Control", "TestSupport"], swiftSettings: house),
    .testTarget(
      name: "ConsoleTests", dependencies: ["Console", "Settings", "Net", "Routing", "TestSupport"],
      swiftSettings: house),
    .testTarget(
      name: "AdminTests",
      dependencies: [
        "Admin", "Bytes", "Net", "Routing", "Settings", "Stats", "Topology", "Wire", "TestSupport",
      ],
      swiftSettings: house),
    .testTarget(name: "NetTests", dependencies: ["Net"], swiftSettings: house),
    .testTarget(
      name: "RuntimeTests",
      dependencies: ["Runtime", "Control", "Settings", "Proxy", "Net", "Bytes", "TestSupport"],
      swiftSettings: house),
    .testTarget(name: "BenchTests", dependencies: ["Bench", "Bytes", "TestSupport"], swiftSettings: house),
    .testTarget(name: "TidyTests", dependencies: ["Admin", "Stats"], swiftSettings: house),
    .testTarget(
      name: "IntegrationTests", dependencies: ["Bytes", "Net"], exclude: ["Clients", "Support"],
      swiftSettings: house),
  ]
)

if isFuzzing {
  let settings = house + instrumented + [.unsafeFlags(["-parse-as-library"])]
  package.targets += [
    .target(name: "FuzzDriver", path: "Fuzz/Driver", swiftSettings: house + instrumented),
    .executableTarget(
      name: "FuzzRequests", dependencies: ["FuzzDriver", "Bytes", "Wire"], path: "Fuzz/Requests",
      swiftSettings: settings,
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]),
    .executableTarget(
      name: "FuzzReplies", dependencies: ["FuzzDriver", "Bytes", "Wire"], path: "Fuzz/Replies",
      swiftSettings: settings,
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]),
  ]
}
