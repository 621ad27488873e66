import Glibc
import Synchronization

/// Where the shell writes: results to standard output, everything else to standard error. While a line is being edited,
/// what comes from outside waits until the editor makes room for it.
final class ShellOutput: Sendable {
    enum Stream {
        case results
        case complaints
    }

    private struct State {
        /// Tells the editor that there is something to write; nil while no line is being edited.
        var wakeEditor: (@Sendable () -> Void)?
        var held: [(Stream, [UInt8])] = []
        var showsWatches = true
        var isBroken = false
    }

    private let state = Mutex(State())
    private let write: @Sendable (Stream, [UInt8]) -> Bool

    /// - Parameter write: returns whether it could.
    init(_ write: @escaping @Sendable (Stream, [UInt8]) -> Bool = ShellOutput.writeToDescriptor) {
        self.write = write
    }

    /// Whether `printwatches` is on.
    var showsWatches: Bool {
        get { state.withLock { $0.showsWatches } }
        set { state.withLock { $0.showsWatches = newValue } }
    }

    /// Whether nobody reads any more, as when a pipe was closed.
    var isBroken: Bool { state.withLock { $0.isBroken } }

    func result(_ line: String) { put(.results, Array((line + "\n").utf8)) }

    /// All lines as one piece, so that nothing comes between them.
    func result(_ lines: [String]) {
        if !lines.isEmpty { result(lines.joined(separator: "\n")) }
    }

    /// Bytes as they are, and the end of the line.
    func result(bytes: [UInt8]) { put(.results, bytes + [UInt8(ascii: "\n")]) }

    func complain(_ line: String) { put(.complaints, Array((line + "\n").utf8)) }

    /// What nobody asked for: it may come while a line is being edited.
    func notice(_ line: String, to stream: Stream) {
        let bytes = Array((line + "\n").utf8)
        state.withLock { state in
            guard let wakeEditor = state.wakeEditor else { return put(stream, bytes, &state) }
            state.held.append((stream, bytes))
            // Inside, so that nobody wakes an editor that is gone.
            wakeEditor()
        }
    }

    /// A line is about to be edited. `wake` must not wait for anything.
    func beginEditing(wake: @escaping @Sendable () -> Void) { state.withLock { $0.wakeEditor = wake } }

    func endEditing() {
        state.withLock { state in
            state.wakeEditor = nil
            putHeld(&state)
        }
    }

    /// Called by the editor when it has made room.
    func writeHeld() { state.withLock { putHeld(&$0) } }

    private func putHeld(_ state: inout State) {
        for (stream, bytes) in state.held { put(stream, bytes, &state) }
        state.held = []
    }

    private func put(_ stream: Stream, _ bytes: [UInt8]) { state.withLock { put(stream, bytes, &$0) } }

    private func put(_ stream: Stream, _ bytes: [UInt8], _ state: inout State) {
        if !state.isBroken, !write(stream, bytes) { state.isBroken = true }
    }

    private static func writeToDescriptor(_ stream: Stream, _ bytes: [UInt8]) -> Bool {
        let descriptor = stream == .results ? STDOUT_FILENO : STDERR_FILENO
        return bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EAGAIN {
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&waiting, 1, -1)
                } else if count < 0, errno != EINTR {
                    return false
                }
                rest = rest.dropFirst(max(0, count))
            }
            return true
        }
    }
}
