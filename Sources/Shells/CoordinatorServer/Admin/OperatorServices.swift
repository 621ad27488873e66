import Logging
import NIOCore
import Platform

/// What a coordinator offers its operators: the thread that answers them, four-letter words, their HTTP ports and the
/// audit log.
struct OperatorServices: Sendable {
    private let settings: CoordinatorSettings
    private let surroundings: Surroundings
    private let inquiries: InquiryThread
    /// For what takes its time.
    private let errands: InquiryThread
    /// nil when nothing is audited.
    private(set) var audit: AuditLog?
    private(set) var admin: AdminServer?
    private(set) var metrics: MetricsServer?

    /// Starts the thread. What it is asked waits until the kernel's thread runs, and not for long.
    init(_ settings: CoordinatorSettings, kernel: Mailbox<CoordinatorThread.Message>) {
        self.settings = settings
        surroundings = Surroundings(settings: settings, fileSystem: PosixFileSystem())
        inquiries = InquiryThread(kernel, name: "inquiries")
        errands = InquiryThread(kernel, name: "errands")
    }

    var words: WordDesk {
        WordDesk(
            enabled: settings.fourLetterWords, answers: WordAnswers(surroundings: surroundings), inquiries: inquiries)
    }

    /// Opens what there is no coordinator without. Throws ``AuditLog/Failure`` and ``MetricsServer/Failure``.
    mutating func openEssentials(on group: any EventLoopGroup) async throws {
        audit = try settings.audit.map { settings throws(AuditLog.Failure) in try AuditLog(settings) }
        guard let settings = settings.metrics else { return }
        metrics = try await MetricsServer.start(settings, on: group, inquiries: inquiries)
    }

    mutating func openAdmin(on group: any EventLoopGroup, logger: Logger) async {
        guard let settings = settings.admin else { return }
        admin = await AdminServer.start(
            settings, on: group, logger: logger, inquiries: inquiries,
            answers: AdminAnswers(surroundings: surroundings),
            states: StateCommands(settings, surroundings, errands: errands, logger: logger))
    }

    /// Closes the ports and answers what was asked before.
    func stop() async throws {
        try await admin?.stop()
        try await metrics?.stop()
        inquiries.stop()
        errands.stop()
    }
}
