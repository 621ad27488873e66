import CEditLine
import Glibc
import NIOCore
import NIOPosix

/// Edits lines on the terminal, on a thread of its own because that waits for keys.
final class LineEditor: Sendable {
    enum Input: Sendable {
        case line(String)
        /// Ctrl-C: the line is dropped.
        case interrupted
        /// Ctrl-D, or the terminal is gone.
        case ended
    }

    typealias Completer = @Sendable (String) async -> (insertion: String, choices: String)

    /// What the editor calls back.
    private final class Callbacks: Sendable {
        let complete: Completer
        let notice: @Sendable () -> Void

        init(_ complete: @escaping Completer, _ notice: @escaping @Sendable () -> Void) {
            self.complete = complete
            self.notice = notice
        }
    }

    /// The editor calls nothing of several threads but ``wake()``, which may come from any.
    private nonisolated(unsafe) let editor: OpaquePointer
    private let thread = NIOThreadPool(numberOfThreads: 1)
    private let callbacks: Callbacks

    /// nil when the terminal cannot be used.
    /// - Parameters:
    ///   - complete: what TAB offers for the text before the cursor.
    ///   - notice: called after ``wake()``, when there is room on the terminal.
    init?(history: [String], complete: @escaping Completer, notice: @escaping @Sendable () -> Void) {
        callbacks = Callbacks(complete, notice)
        let owner = Unmanaged.passUnretained(callbacks).toOpaque()
        guard
            let editor = CEditLineNew(
                "martlet", Int32(ShellHistory.capacity), completeLine, { LineEditor.callbacks($0)?.notice() }, owner)
        else { return nil }
        self.editor = editor
        for line in history { CEditLineRemember(editor, line) }
        thread.start()
    }

    func read(prompt: String) async throws -> Input {
        try await thread.runIfActive { [self] in
            var line: UnsafePointer<CChar>?
            let outcome = CEditLineRead(editor, prompt, &line)
            if outcome == CEditLineInterrupted { return .interrupted }
            guard outcome == CEditLineEntered, let line else { return .ended }
            return .line(String(cString: line))
        }
    }

    func remember(_ line: String) async throws {
        try await thread.runIfActive { [self] in CEditLineRemember(editor, line) }
    }

    /// Makes the editor call its notice soon.
    func wake() { CEditLineWake(editor) }

    /// Whether Ctrl-C was pressed since the last line came. A second time ends the process.
    static var isInterrupted: Bool { CEditLineIsInterrupted() }

    /// Gives the terminal back. Nothing else may be under way or come later.
    func close() async throws {
        try await thread.runIfActive { [self] in CEditLineFree(editor) }
        try await thread.shutdownGracefully()
    }

    fileprivate static func complete(_ callbacks: UnsafeMutableRawPointer?, _ text: String) -> (String, String) {
        guard let callbacks = Self.callbacks(callbacks) else { return ("", "") }
        let answer = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: (String, String).self)
        answer.completeWithTask { await callbacks.complete(text) }
        do { return try answer.futureResult.wait() } catch { preconditionFailure("a completion failed: \(error)") }
    }

    private static func callbacks(_ pointer: UnsafeMutableRawPointer?) -> Callbacks? {
        pointer.map { Unmanaged<Callbacks>.fromOpaque($0).takeUnretainedValue() }
    }
}

private func completeLine(
    _ owner: UnsafeMutableRawPointer?, _ text: UnsafePointer<CChar>?,
    _ choices: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> UnsafeMutablePointer<CChar>? {
    guard let text else { return nil }
    let (insertion, listed) = LineEditor.complete(owner, String(cString: text))
    if !listed.isEmpty { choices?.pointee = strdup(listed) }
    return insertion.isEmpty ? nil : strdup(insertion)
}
