import Glibc
import NIOCore
import WireCoding
import ZooKeeperProtocol

/// A client that sends what it is told, byte by byte if need be, and waits for what comes; at most ten seconds.
final class BlockingClient {
    private let descriptor: CInt

    init(port: Int) {
        descriptor = Self.socket()
        let outcome = Self.connect(descriptor, to: port)
        precondition(outcome == 0, "cannot connect to port \(port): errno \(errno)")
    }

    /// Whether nobody listens on a port.
    static func isRefused(port: Int) -> Bool {
        let descriptor = socket()
        defer { close(descriptor) }
        return connect(descriptor, to: port) != 0 && errno == ECONNREFUSED
    }

    private static func socket() -> CInt { Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0) }

    private static func connect(_ descriptor: CInt, to port: Int) -> CInt {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) {
        // The server may have closed already; then there is nobody to send to.
        _ = Glibc.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL))
    }

    /// Nothing more will be sent.
    func finish() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// Up to `count` bytes; fewer at the end of the connection.
    func receive(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count < count {
            let received = recv(descriptor, &buffer, min(buffer.count, count - bytes.count), 0)
            if received <= 0 { break }
            bytes += buffer[..<received]
        }
        return bytes
    }

    /// All until the server closes.
    func receiveAll() -> String { String(decoding: receive(.max), as: UTF8.self) }

    /// A frame without its length; nil at the end of the connection.
    func frame() -> ByteBuffer? {
        var head = ByteBuffer(bytes: receive(4))
        guard let count = head.readInteger(as: Int32.self) else { return nil }
        return ByteBuffer(bytes: receive(Int(count)))
    }

    func send(_ frame: ByteBuffer) {
        var framed = ByteBuffer(integer: Int32(frame.readableBytes))
        framed.writeImmutableBuffer(frame)
        send(Array(framed.readableBytesView))
    }

    // MARK: ZooKeeper

    /// Opens a session, or goes on with one.
    func connect(_ change: (inout ConnectRequest) -> Void = { _ in }) throws -> ConnectResponse? {
        var request = ConnectRequest(timeout: 10_000)
        request.password = ByteBuffer(repeating: 0, count: 16)
        change(&request)
        var writer = WireWriter()
        request.write(to: &writer)
        send(writer.buffer())
        guard let frame = frame() else { return nil }
        return try WireReader.read(frame) { reader throws(MalformedInput) in try ConnectResponse(reading: &reader) }
    }

    static func request(_ request: ZooKeeperRequest, xid: Int32 = 1) -> ByteBuffer {
        var writer = WireWriter()
        ZooKeeperRequestHeader(xid: xid, type: request.opCode.rawValue).write(to: &writer)
        request.write(to: &writer)
        return writer.buffer()
    }

    /// The next reply; nil at the end of the connection.
    func reply(to opCode: OpCode) throws -> (header: ZooKeeperReplyHeader, body: ZooKeeperReply)? {
        guard let frame = frame() else { return nil }
        return try WireReader.read(frame) { reader throws(MalformedInput) in
            let header = try ZooKeeperReplyHeader(reading: &reader)
            return (header, header.error == .ok ? try ZooKeeperReply(to: opCode, reading: &reader) : .empty)
        }
    }

    func ask(_ request: ZooKeeperRequest) throws -> (header: ZooKeeperReplyHeader, body: ZooKeeperReply)? {
        send(Self.request(request))
        return try reply(to: request.opCode)
    }
}
