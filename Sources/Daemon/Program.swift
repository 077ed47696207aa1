import LinuxIO
import Logging
import MRPConfiguration
import ServiceLifecycle
import UnixSignals

/// Runs roles of one configuration until the process is told to stop.
package struct Program: Sendable {
    /// How long connections get to end by themselves after SIGTERM.
    package static let gracePeriod: Duration = .seconds(5)

    private let roles: [any RoleService]
    private let logger: Logger
    private let reload: @Sendable () throws(ConfigurationProblems) -> Configuration

    /// - Parameters:
    ///   - roles: which of the configuration's roles to run.
    ///   - reload: reads the configuration file again, for SIGHUP.
    package init(
        _ configuration: Configuration, roles: [Role], logger: Logger,
        reload: @escaping @Sendable () throws(ConfigurationProblems) -> Configuration
    ) throws {
        self.logger = logger
        self.reload = reload
        self.roles = try roles.map { role in
            var logger = logger
            logger[metadataKey: "role"] = "\(role.rawValue)"
            return try Self.make(role, configuration, logger)
        }
    }

    private static func make(
        _ role: Role, _ configuration: Configuration, _ logger: Logger
    ) throws -> any RoleService {
        switch role {
        case .ottServer: try OTTServerRole(configuration, logger: logger)
        case .liveProxy: try LiveProxyRole(configuration, logger: logger)
        case .replicationPoint: try ReplicationPointRole(configuration, logger: logger)
        }
    }

    /// Returns after SIGTERM or SIGINT, when every role has ended; throws when one could not go on.
    package func run() async throws {
        var services: [any Service] = roles
        services.append(Readiness(roles: roles, logger: logger))
        services.append(Reloading(roles: roles, logger: logger, read: reload))
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = Self.gracePeriod
        try await ServiceGroup(configuration: configuration).run()
    }
}
