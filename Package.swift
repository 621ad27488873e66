// swift-tools-version: 6.2
import PackageDescription

/// One module: its row in the table below is its place in the architecture (ARCHITECTURE.md).
struct Module {
    enum Kind { case c(libraries: [String]), swift, executable(product: String) }
    var name: String
    var kind: Kind = .swift
    /// Modules listed above this one.
    var uses: [String] = []
    /// Libraries of other packages.
    var libraries: [Target.Dependency] = []
    /// Whether `Tests/<name>Tests` exists, and what it uses besides the module and all that the module uses.
    var tests: Bool = false
    var testUses: [String] = []
    var testLibraries: [Target.Dependency] = []
    /// Folders in the module's, or in its tests' folder, that hold no Swift.
    var excluded: [String] = []
    var testsExcluded: [String] = []
}

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

/// The wire messages of Apache Kafka, by area (one module each, so that a build uses both cores).
let kafkaMessages = [
    "KafkaProtocol", "KafkaProtocolGroups", "KafkaProtocolTransactions", "KafkaProtocolAdmin", "KafkaProtocolClusters",
]

/// The architecture. A module may use only modules above it.
let layers: [(layer: String, modules: [Module])] = [
    (
        "SystemLibraries",
        [
            Module(name: "COpenSSL", kind: .c(libraries: ["ssl", "crypto"])),
            Module(name: "CCyrusSASL", kind: .c(libraries: ["sasl2"])),
            Module(name: "CEditLine", kind: .c(libraries: ["edit"])),
            Module(name: "CZlib", kind: .c(libraries: ["z"])),
            Module(name: "CLZ4", kind: .c(libraries: ["lz4"])),
            Module(name: "CSnappy", kind: .c(libraries: ["snappy"])),
            Module(name: "CZstd", kind: .c(libraries: ["zstd"])),
            Module(name: "CYAML", kind: .c(libraries: ["yaml"])),
            Module(name: "CRC32C", kind: .c(libraries: [])),
            Module(name: "CLinux", kind: .c(libraries: [])),
        ]
    ),
    (
        "Foundations",
        [
            Module(name: "Seams"),
            Module(name: "ClusterModel", tests: true),
            Module(
                name: "WireCoding", uses: ["Seams", "ClusterModel", "CRC32C"], libraries: [nioCore], tests: true),
            Module(
                name: "Records", uses: ["ClusterModel", "WireCoding", "CZlib", "CLZ4", "CSnappy", "CZstd"],
                libraries: [nioCore], tests: true, testsExcluded: ["Fixtures"]),
            Module(
                name: "KafkaProtocol", uses: ["ClusterModel", "WireCoding"], libraries: [nioCore], excluded: ["Schema"]),
            Module(
                name: "KafkaProtocolGroups", uses: ["ClusterModel", "WireCoding"], libraries: [nioCore],
                excluded: ["Schema"]),
            Module(
                name: "KafkaProtocolTransactions", uses: ["WireCoding"],
                excluded: ["Schema"]),
            Module(
                name: "KafkaProtocolAdmin", uses: ["ClusterModel", "WireCoding"], libraries: [nioCore],
                excluded: ["Schema"]),
            Module(
                name: "KafkaProtocolClusters", uses: ["ClusterModel", "WireCoding"], libraries: [nioCore],
                excluded: ["Schema"]),
            Module(
                name: "KafkaProtocolJSON", uses: ["ClusterModel", "WireCoding"] + kafkaMessages, libraries: [nioCore],
                tests: true, testsExcluded: ["Fixtures"]),
            Module(name: "ZooKeeperProtocol", uses: ["WireCoding"], libraries: [nioCore], tests: true),
            Module(name: "Security", uses: ["COpenSSL"], tests: true),
        ]
    ),
    (
        "Cores",
        [
            Module(
                name: "SegmentedLog", uses: ["Seams", "ClusterModel", "WireCoding", "Records"], libraries: [nioCore],
                tests: true, testUses: ["Simulation", "Platform"], testsExcluded: ["Fixtures"]),
            Module(
                name: "Replication", uses: ["Seams", "ClusterModel", "SegmentedLog"], tests: true,
                testUses: ["Simulation"]),
            Module(
                name: "ZNodes", uses: ["CZlib", "Seams", "WireCoding", "ZooKeeperProtocol"], libraries: [nioCore],
                tests: true),
            Module(name: "Quorum", uses: ["Seams"], libraries: [nioCore], tests: true),
            Module(
                name: "Groups",
                uses: ["Seams", "ClusterModel", "WireCoding", "KafkaProtocol", "KafkaProtocolGroups"],
                libraries: [nioCore], tests: true, testUses: ["Records"], testsExcluded: ["Fixtures"]),
            Module(name: "Controller", uses: ["ClusterModel", "Security"], tests: true, testsExcluded: ["Fixtures"]),
            Module(
                name: "Mirroring", uses: ["ClusterModel", "WireCoding", "Records", "Security", "Controller"],
                libraries: [nioCore], tests: true),
        ]
    ),
    (
        "Kernels",
        [
            Module(
                name: "BrokerKernel",
                uses: [
                    "Seams", "ClusterModel", "WireCoding", "Records", "Security", "SegmentedLog", "Replication",
                    "Groups", "Controller", "KafkaProtocol", "KafkaProtocolGroups", "KafkaProtocolTransactions",
                    "KafkaProtocolAdmin", "KafkaProtocolClusters",
                ],
                libraries: [nioCore], tests: true, testUses: ["Simulation"]),
            Module(
                name: "CoordinatorKernel",
                uses: [
                    "COpenSSL", "CZlib", "Seams", "WireCoding", "Records", "ZooKeeperProtocol", "ZNodes", "Quorum",
                ],
                libraries: [nioCore], tests: true, testUses: ["Simulation"], testsExcluded: ["Fixtures"]),
        ]
    ),
    (
        "Shells",
        [
            Module(name: "Platform", uses: ["Seams", "CLinux"], tests: true),
            Module(name: "Settings", uses: ["Security"], tests: true),
            Module(name: "Telemetry", libraries: [nioCore, nioPosix, nioHTTP1, logging], tests: true),
            Module(
                name: "Transport", uses: ["Seams", "WireCoding", "Security", "COpenSSL", "CCyrusSASL"],
                libraries: [nioCore, nioPosix, logging], tests: true, testUses: ["Platform"]),
            Module(
                name: "MartletClient",
                uses: [
                    "ClusterModel", "WireCoding", "Records", "Controller", "Security", "Settings", "Transport",
                    "KafkaProtocol", "KafkaProtocolGroups", "KafkaProtocolTransactions", "KafkaProtocolAdmin",
                    "KafkaProtocolClusters",
                ],
                libraries: [nioCore, nioPosix, logging], tests: true),
            Module(
                name: "CoordinatorClient", uses: ["Seams", "WireCoding", "ZooKeeperProtocol", "Security", "Transport"],
                libraries: [nioCore, nioPosix, logging], tests: true),
            Module(
                name: "CoordinatorServer",
                uses: [
                    "Seams", "WireCoding", "Security", "ZNodes", "Quorum", "CoordinatorKernel", "Platform",
                    "Settings", "Telemetry", "Transport",
                ],
                libraries: [nioCore, logging], tests: true, testUses: ["ZooKeeperProtocol"], testLibraries: [nioPosix]),
            Module(
                name: "BrokerServer",
                uses: [
                    "Seams", "ClusterModel", "WireCoding", "ZooKeeperProtocol", "Security", "SegmentedLog",
                    "Groups", "Controller", "BrokerKernel", "Platform", "Settings", "Transport",
                    "CoordinatorClient", "KafkaProtocol",
                ],
                libraries: [nioCore, logging], tests: true, testUses: ["CoordinatorServer"], testLibraries: [nioPosix]),
            Module(
                name: "MirrorServer",
                uses: [
                    "CYAML", "Seams", "ClusterModel", "WireCoding", "Records", "Security", "Controller", "Mirroring",
                    "Settings", "Telemetry", "MartletClient", "KafkaProtocol", "KafkaProtocolGroups",
                    "KafkaProtocolTransactions", "KafkaProtocolAdmin", "KafkaProtocolClusters",
                ],
                libraries: [nioCore, logging], tests: true, testUses: ["CoordinatorServer", "BrokerServer"],
                testLibraries: [nioPosix]),
        ]
    ),
    (
        "Executables",
        [
            Module(
                name: "CoordinatorMain", kind: .executable(product: "martlet-coordinator"),
                uses: ["Settings", "Telemetry", "Platform", "CoordinatorServer"], libraries: [arguments, logging]),
            Module(
                name: "BrokerMain", kind: .executable(product: "martlet-broker"),
                uses: ["Settings", "Telemetry", "Platform", "BrokerServer", "CoordinatorServer"],
                libraries: [arguments, logging]),
            Module(
                name: "MirrorMain", kind: .executable(product: "martlet-mirror"),
                uses: ["Settings", "Telemetry", "Platform", "MirrorServer"], libraries: [arguments, logging]),
            Module(
                name: "Tool", kind: .executable(product: "martlet"),
                uses: [
                    "CEditLine", "Seams", "ClusterModel", "WireCoding", "Records", "KafkaProtocolJSON",
                    "ZooKeeperProtocol", "Security", "SegmentedLog", "Controller", "CoordinatorKernel", "Platform",
                    "Settings",
                    "Telemetry", "Transport",
                    "MartletClient", "CoordinatorClient", "KafkaProtocol", "KafkaProtocolGroups",
                    "KafkaProtocolTransactions", "Mirroring", "MirrorServer",
                ],
                libraries: [arguments, logging, nioCore, nioPosix], tests: true, testUses: ["Simulation", "Quorum"],
                testsExcluded: ["Fixtures"]),
        ]
    ),
    (
        "Development",
        [
            Module(
                name: "GenerateProtocol", kind: .executable(product: "generate-protocol"), libraries: [arguments],
                tests: true),
            Module(
                name: "Simulation",
                uses: [
                    "Seams", "ClusterModel", "WireCoding", "Records", "ZooKeeperProtocol", "Security", "SegmentedLog",
                    "Controller", "Mirroring", "BrokerKernel", "ZNodes", "Quorum", "CoordinatorKernel",
                    "KafkaProtocol", "KafkaProtocolGroups", "KafkaProtocolTransactions", "KafkaProtocolAdmin",
                    "KafkaProtocolClusters",
                ],
                libraries: [nioCore], tests: true, testLibraries: [nioPosix], testsExcluded: ["PlantedBugs"]),
            Module(
                name: "Simulate", kind: .executable(product: "simulate"), uses: ["Simulation"], libraries: [arguments]),
        ]
    ),
]

/// Refuses a row that uses a module which is not above it.
func checkedTargets() -> [Target] {
    var above: Set<String> = []
    let settings: [SwiftSetting] = [.treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny")]
    // It reads the sources of all modules and uses none.
    var targets = [Target.testTarget(name: "TidyTests", path: "Tests/TidyTests", swiftSettings: settings)]
    for (layer, modules) in layers {
        for module in modules {
            for used in module.uses {
                precondition(above.contains(used), "\(module.name) uses \(used), which is not above it in the table")
            }
            above.insert(module.name)
            let path = "Sources/\(layer)/\(module.name)"
            let dependencies = module.uses.map { Target.Dependency.target(name: $0) } + module.libraries
            switch module.kind {
            case .c(let libraries):
                targets.append(
                    .target(name: module.name, path: path, linkerSettings: libraries.map { .linkedLibrary($0) }))
            case .swift:
                targets.append(
                    .target(
                        name: module.name, dependencies: dependencies, path: path, exclude: module.excluded,
                        swiftSettings: settings))
            case .executable:
                targets.append(
                    .executableTarget(
                        name: module.name, dependencies: dependencies, path: path, exclude: module.excluded,
                        swiftSettings: settings))
            }
            if module.tests {
                let tested = [Target.Dependency.target(name: module.name)]
                targets.append(
                    .testTarget(
                        name: "\(module.name)Tests",
                        dependencies: tested + dependencies + module.testUses.map { .target(name: $0) }
                            + module.testLibraries,
                        path: "Tests/\(module.name)Tests", exclude: module.testsExcluded, swiftSettings: settings))
            }
        }
    }
    return targets
}

let executables: [Product] = layers.flatMap(\.modules).compactMap { module in
    guard case .executable(let product) = module.kind else { return nil }
    return .executable(name: product, targets: [module.name])
}

let package = Package(
    name: "martlet",
    products: executables + [.library(name: "MartletClient", targets: ["MartletClient"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: checkedTargets()
)
