// swift-tools-version: 6.2
// One table says which target may import which: `Tests/TidyTests` holds it against the sources.
import PackageDescription

/// `MRP_SLICE=core` leaves out everything that needs HTTP, TLS or SQL, so that the router, the cores and their tests
/// build in about a minute. Give each slice a scratch path of its own (`scripts/lib/build.sh` does).
let isCoreSlice = Context.environment["MRP_SLICE"] == "core"

extension Target.Dependency {
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let yams = product(name: "Yams", package: "Yams")
    static let logging = product(name: "Logging", package: "swift-log")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let x509 = product(name: "X509", package: "swift-certificates")
    static let asn1 = product(name: "SwiftASN1", package: "swift-asn1")
    static let jwt = product(name: "JWTKit", package: "jwt-kit")
    static let sqlite = product(name: "GRDB", package: "GRDB.swift")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdTLS = product(name: "HummingbirdTLS", package: "hummingbird")
    static let asyncHTTPClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let nio = product(name: "NIOCore", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioHTTPTypes = product(name: "NIOHTTPTypes", package: "swift-nio-extras")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
}

func library(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .target(name: name, dependencies: dependencies)
}

func program(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .executableTarget(name: name, dependencies: dependencies)
}

func tests(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .testTarget(name: "\(name)Tests", dependencies: dependencies)
}

// Lowest layer first; a target may depend only on what stands above it in this list.
let foundation: [Target] = [
    library("Wire"),
    library("Clockwork"),
]

let protocols: [Target] = [
    library("GroupMembership", "Wire", "Clockwork"),
    library("PIM", "Wire", "Clockwork"),
    library("RTP", "Wire", "Clockwork"),
    library("MPEGTS", "Wire", "Clockwork"),
    library("HLS", "Wire", "Clockwork"),
    library("ControlProtocol", "Wire", "Clockwork"),
    library("MRPConfiguration", "ControlProtocol", "Wire", "Clockwork"),
]

let cores: [Target] = [
    library("MulticastRouting", "GroupMembership", "PIM", "ControlProtocol", "Wire", "Clockwork"),
    library("Channels", "ControlProtocol", "Wire", "Clockwork"),
    library("Authorization", "ControlProtocol", "Wire", "Clockwork"),
    library("Repair", "ControlProtocol", "RTP", "Wire", "Clockwork"),
    library("UnicastDelivery", "RTP", "MPEGTS", "HLS", "Wire", "Clockwork"),
]

let roles: [Target] = [
    library("OTTServer", "Channels", "Authorization", "ControlProtocol", "Wire", "Clockwork"),
    library(
        "LiveProxy", "Repair", "Channels", "Authorization", "ControlProtocol", "HLS", "MPEGTS", "RTP", "Wire",
        "Clockwork"),
    library("ReplicationPoint", "Channels", "Authorization", "ControlProtocol", "Wire", "Clockwork"),
    library("OTTClient", "Repair", "ControlProtocol", "RTP", "MPEGTS", "Wire", "Clockwork"),
]

let systemBase: [Target] = [
    .systemLibrary(
        name: "LibMnl", path: "CSystemShims/LibMnl", pkgConfig: "libmnl", providers: [.apt(["libmnl-dev"])]),
    .systemLibrary(
        name: "LibNlRoute", path: "CSystemShims/LibNlRoute", pkgConfig: "libnl-route-3.0",
        providers: [.apt(["libnl-3-dev", "libnl-route-3-dev"])]),
    .target(
        name: "CSystemShims", dependencies: ["LibMnl", "LibNlRoute"], path: "CSystemShims",
        exclude: ["LibMnl", "LibNlRoute"], cSettings: [.define("_GNU_SOURCE")]),
    library("LinuxIO", "CSystemShims", "Wire", "Clockwork"),
]

let shells: [Target] = [
    library("KernelMulticast", "LinuxIO", "CSystemShims", "Wire", "Clockwork"),
    library("Netlink", "LinuxIO", "CSystemShims", "Wire", "Clockwork"),
    library(
        "MediaIO", "LinuxIO", "CSystemShims", "Repair", "ControlProtocol", "RTP", "MPEGTS", "HLS", "LiveProxy",
        "OTTClient", "UnicastDelivery", "Wire", "Clockwork"),
    library("JSONCoding"),
    library("ControlSocket", "JSONCoding", "LinuxIO", "ControlProtocol", "Wire", "Clockwork"),
    library("ConfigurationFile", "MRPConfiguration", "Wire", "Clockwork", .yams),
    // What `mrpctl` prints: tables, explanations, exit codes. A library, so that it is tested without the edge.
    library("OperatorConsole", "JSONCoding", "ControlSocket", "ControlProtocol", "LinuxIO", "Wire", "Clockwork"),
]

let routerPrograms: [Target] = [
    library(
        "RouterDaemon", "KernelMulticast", "Netlink", "ControlSocket", "JSONCoding", "ConfigurationFile",
        "MRPConfiguration", "MulticastRouting", "GroupMembership", "PIM", "ControlProtocol", "LinuxIO", "Wire",
        "Clockwork"),
    program("mrp-router", "RouterDaemon", "ConfigurationFile", "MRPConfiguration", .argumentParser),
    program("mrp-keeper", "LinuxIO", "KernelMulticast", .argumentParser),
]

/// The core slice's `mrpctl` has everything but the commands that make tokens and certificates.
let operatorsTool: Target = .executableTarget(
    name: "mrpctl",
    dependencies: [
        "OperatorConsole", "ControlSocket", "JSONCoding", "ConfigurationFile", "MRPConfiguration", "ControlProtocol",
        "LinuxIO", "Wire", "Clockwork", .argumentParser,
    ] + (isCoreSlice ? [] : ["Credentials", "Authorization"]),
    exclude: isCoreSlice ? ["Credentials"] : [])

let testSupport: [Target] = [
    // Makes transport streams as packagers do.
    .target(
        name: "MediaFixtures", dependencies: ["RTP", "MPEGTS", "Clockwork"], path: "Tests/Support/MediaFixtures"),
    // The simulated kernel, hosts and links around the pure cores.
    .target(
        name: "Simulator",
        dependencies: [
            "MulticastRouting", "GroupMembership", "PIM", "OTTServer", "LiveProxy", "ReplicationPoint", "Channels",
            "Authorization", "ControlProtocol", "Wire", "Clockwork",
        ], path: "Tests/Support/Simulator"),
    // Namespaces, topologies and child processes; used by the namespace tests and by `scripts/demo`.
    .target(
        name: "Lab", dependencies: ["JSONCoding", "LinuxIO", "CSystemShims", "ControlProtocol", "Wire", "Clockwork"],
        path: "Tests/Support/Lab"),
    .executableTarget(
        name: "mrp-lab", dependencies: ["Lab", .argumentParser], path: "Tests/Support/mrp-lab"),
    // Delay, reordering, duplicates and loss on a tun link, with a seed.
    .executableTarget(
        name: "mrp-impair", dependencies: ["LinuxIO", "CSystemShims", "Wire", "Clockwork", .argumentParser],
        path: "Tests/Support/mrp-impair"),
    .executableTarget(
        name: "mrp-simulate", dependencies: ["Simulator", .argumentParser], path: "Tests/Support/mrp-simulate"),
    // The replication point's media loop alone, for the bench.
    .executableTarget(
        name: "mrp-media-loop", dependencies: ["MediaIO", "LinuxIO", "Wire", .argumentParser],
        path: "Tests/Support/mrp-media-loop"),
    .executableTarget(
        name: "mrp-bench",
        dependencies: [
            "Lab", "RouterDaemon", "MulticastRouting", "GroupMembership", "PIM", "KernelMulticast", "Netlink",
            "ControlSocket", "JSONCoding", "ControlProtocol", "MediaIO", "MediaFixtures", "LiveProxy", "OTTClient",
            "Repair", "RTP", "MPEGTS",
            "LinuxIO", "CSystemShims", "Wire", "Clockwork", .argumentParser,
        ], path: "Tests/Support/mrp-bench", exclude: ["baseline"]),
]

let coreTests: [Target] = [
    tests("Wire", "Wire"),
    tests("Clockwork", "Clockwork"),
    tests("GroupMembership", "GroupMembership", "Wire", "Clockwork"),
    tests("PIM", "PIM", "Wire", "Clockwork"),
    tests("RTP", "RTP", "Wire", "Clockwork"),
    tests("MPEGTS", "MediaFixtures", "MPEGTS", "Wire", "Clockwork"),
    tests("HLS", "HLS", "Wire", "Clockwork"),
    tests("ControlProtocol", "ControlProtocol", "Wire", "Clockwork"),
    tests("MRPConfiguration", "MRPConfiguration", "ConfigurationFile", "ControlProtocol", "Wire", "Clockwork"),
    tests("MulticastRouting", "MulticastRouting", "GroupMembership", "PIM", "ControlProtocol", "Wire", "Clockwork"),
    tests("Channels", "Channels", "ControlProtocol", "Wire", "Clockwork"),
    tests("Authorization", "Authorization", "ControlProtocol", "Wire", "Clockwork"),
    tests(
        "UnicastDelivery", "MediaFixtures", "UnicastDelivery", "HLS", "MPEGTS", "RTP", "Wire", "Clockwork"),
    tests("Repair", "Repair", "ControlProtocol", "RTP", "Wire", "Clockwork"),
    tests("OTTServer", "OTTServer", "Channels", "Authorization", "ControlProtocol", "Wire", "Clockwork"),
    tests(
        "LiveProxy", "MediaFixtures", "LiveProxy", "Repair", "Channels", "ControlProtocol", "HLS", "MPEGTS", "RTP",
        "Wire",
        "Clockwork"),
    tests("ReplicationPoint", "ReplicationPoint", "Channels", "Authorization", "ControlProtocol", "Wire", "Clockwork"),
    tests("OTTClient", "MediaFixtures", "OTTClient", "Repair", "ControlProtocol", "RTP", "MPEGTS", "Wire", "Clockwork"),
    tests("LinuxIO", "LinuxIO", "CSystemShims", "Wire", "Clockwork"),
    tests("Kernel", "KernelMulticast", "Netlink", "Lab", "LinuxIO", "CSystemShims", "Wire", "Clockwork"),
    tests(
        "MediaIO", "MediaFixtures", "MediaIO", "Lab", "Repair", "ControlProtocol", "LiveProxy", "OTTClient",
        "UnicastDelivery", "RTP", "MPEGTS", "HLS",
        "Netlink",
        "LinuxIO", "CSystemShims", "Wire", "Clockwork"),
    tests("JSONCoding", "JSONCoding", "ControlProtocol", "Wire"),
    tests("ControlSocket", "ControlSocket", "JSONCoding", "LinuxIO", "ControlProtocol", "Wire", "Clockwork"),
    tests("OperatorConsole", "OperatorConsole", "ControlSocket", "JSONCoding", "ControlProtocol", "Wire", "Clockwork"),
    tests(
        "RouterDaemon", "RouterDaemon", "Lab", "KernelMulticast", "Netlink", "ControlSocket", "JSONCoding",
        "MulticastRouting", "GroupMembership", "ControlProtocol", "LinuxIO", "CSystemShims", "Wire", "Clockwork"),
    tests("Simulation", "Simulator", "MulticastRouting", "ControlProtocol", "Wire", "Clockwork"),
    tests("Lab", "Lab", "LinuxIO", "Wire", "Clockwork"),
    tests("Tidy"),
]

let edgePrograms: [Target] = [
    library(
        "Credentials", "Authorization", "JSONCoding", "ControlProtocol", "Wire", "Clockwork", .jwt, .x509,
        .asn1, .crypto),
    library(
        "CatalogueStore", "OTTServer", "Authorization", "JSONCoding", "ControlProtocol", "Wire", "Clockwork", .sqlite),
    library(
        "HTTPEdge", "JSONCoding", "ControlProtocol", "HLS", "Credentials", "LinuxIO", "Wire", "Clockwork",
        .hummingbird, .hummingbirdTLS,
        .httpTypes, .asyncHTTPClient, .nio, .nioPosix, .nioHTTPTypes, .nioSSL, .logging, .serviceLifecycle),
    .target(
        name: "Daemon",
        dependencies: [
            "HTTPEdge", "CatalogueStore", "Credentials", "ControlSocket", "JSONCoding", "ConfigurationFile",
            "MRPConfiguration", "MediaIO", "UnicastDelivery", "OTTServer", "LiveProxy", "ReplicationPoint", "Channels",
            "Authorization", "ControlProtocol", "HLS", "MPEGTS", "RTP", "LinuxIO", "Wire", "Clockwork", .hummingbird,
            .httpTypes,
            .logging, .serviceLifecycle, .unixSignals,
        ],
        resources: [
            // A link to deploy/openapi.yaml, which the server serves.
            .embedInCode("OTTServer/openapi.yaml"),
            .embedInCode("ViewerPage/viewer.html"), .embedInCode("ViewerPage/viewer.css"),
            .embedInCode("ViewerPage/viewer.js"),
        ]),
    program("mrpd", "Daemon", "ConfigurationFile", "MRPConfiguration", "LinuxIO", .argumentParser, .logging),
    program(
        "mrp-client", "OTTClient", "Repair", "MediaIO", "HTTPEdge", "MRPConfiguration", "JSONCoding", "ControlProtocol",
        "LinuxIO", "Wire",
        "Clockwork",
        .argumentParser),
]

let edgeTests: [Target] = [
    // HTTP by hand, for requests that no library would send.
    .target(name: "RawHTTP", path: "Tests/Support/RawHTTP"),
    tests("Credentials", "Credentials", "Authorization", "ControlProtocol", "Wire", "Clockwork"),
    tests(
        "CatalogueStore", "CatalogueStore", "OTTServer", "Authorization", "JSONCoding", "ControlProtocol", "Wire",
        "Clockwork"),
    tests(
        "HTTPEdge", "RawHTTP", "HTTPEdge", "Credentials", "JSONCoding", "ControlProtocol", "LinuxIO", "Wire",
        "Clockwork",
        .hummingbird, .httpTypes, .asyncHTTPClient, .nio, .logging),
    tests(
        "Daemon", "MediaFixtures", "RawHTTP", "Daemon", "HTTPEdge", "Credentials", "CatalogueStore", "MRPConfiguration",
        "ConfigurationFile",
        "ControlSocket", "JSONCoding", "LinuxIO", "ControlProtocol", "Wire", "Clockwork", .hummingbird, .logging, .yams),
    tests("Namespace", "Lab", "ControlProtocol", "LinuxIO", "Wire", "Clockwork"),
]

let coreTargets =
    foundation + protocols + cores + roles + systemBase + shells + routerPrograms + [operatorsTool] + testSupport
    + coreTests

let coreDependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
]

let edgeDependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
]

let package = Package(
    name: "mrp",
    dependencies: coreDependencies + (isCoreSlice ? [] : edgeDependencies),
    targets: coreTargets + (isCoreSlice ? [] : edgePrograms + edgeTests),
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings = [
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableExperimentalFeature("Lifetimes"),
    ]
}

if !isCoreSlice { operatorsTool.swiftSettings?.append(.define("MRP_EDGE")) }
