/// Does the parts of a link's work again and again, and tells its health how that goes.
struct Attempts: Sendable {
    static let firstPause = Duration.milliseconds(100)
    static let longestPause = Duration.seconds(5)

    let health: LinkHealth

    /// Does `work` at once and after every interval, until the task is cancelled.
    func repeatedly(_ interval: Duration, _ part: String, _ work: () async throws -> Void) async {
        repeat {
            do {
                try await work()
                health.recovered(part)
            } catch {
                if !Task.isCancelled { health.failed(part, "\(error)") }
            }
        } while await Self.pause(interval)
    }

    /// Tries until it succeeds; nil when the task is cancelled before.
    func untilDone<Value: Sendable>(_ part: String, _ work: () async throws -> Value) async -> Value? {
        var wait = Self.firstPause
        repeat {
            do {
                let value = try await work()
                health.recovered(part)
                return value
            } catch {
                if !Task.isCancelled { health.failed(part, "\(error)") }
            }
            wait = min(wait * 2, Self.longestPause)
        } while await Self.pause(wait)
        return nil
    }

    /// Looks at topics at once, and again after every interval; while something fails every second, for there may be new
    /// leaders.
    /// - Parameters:
    ///   - settingsInterval: how often settings are compared; nil for the first time only.
    ///   - look: is told whether to compare settings.
    ///   - isUrgent: whether a look is wanted before its time.
    ///   - begun: called after the first look.
    func look(
        every interval: Duration, settingsEvery settingsInterval: Duration?,
        _ look: (_ comparesSettings: Bool) async throws -> Void, isUrgent: () -> Bool, begun: () -> Void
    ) async {
        let first: Void? = await untilDone("topics") { try await look(true) }
        guard first != nil else { return }
        begun()
        var comparedAt = ContinuousClock.now
        var lookedAt = ContinuousClock.now
        while await Self.pause(.seconds(1)) {
            let now = ContinuousClock.now
            guard now - lookedAt >= interval || health.isFailing || isUrgent() else { continue }
            let compares = settingsInterval.map { now - comparedAt >= $0 } ?? false
            do {
                try await look(compares)
                lookedAt = now
                if compares { comparedAt = now }
                health.recovered("topics")
            } catch {
                if !Task.isCancelled { health.failed("topics", "\(error)") }
            }
        }
    }

    /// Whether the time has passed; false when the task was cancelled.
    static func pause(_ time: Duration) async -> Bool {
        do {
            try await Task.sleep(for: time)
            return true
        } catch {
            return false
        }
    }
}
