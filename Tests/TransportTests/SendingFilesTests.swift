import Foundation
import NIOCore
import NIOPosix
import Platform
import Seams
import Security
import Testing
import WireCoding

@testable import Transport

/// A file without a descriptor, as the simulated disk has them.
private final class PlainFile: File {
    private let file: any File
    init(_ file: any File) { self.file = file }
    var path: String { file.path }
    func size() throws(FileSystemError) -> Int { try file.size() }
    func read(into target: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int {
        try file.read(into: target, at: position)
    }
    func write(_ source: UnsafeRawBufferPointer, at position: Int) throws(FileSystemError) {
        try file.write(source, at: position)
    }
    func truncate(to size: Int) throws(FileSystemError) { try file.truncate(to: size) }
    func synchronize() throws(FileSystemError) { try file.synchronize() }
}

@Suite struct SendingFilesTests {
    private let group = MultiThreadedEventLoopGroup.singleton
    private let lines = LogLines()
    private let folder = TestCertificates.folder

    private func file(_ name: String, _ bytes: [UInt8]) throws -> any File {
        let path = folder.appending(path: name).path
        let file = try PosixFileSystem().open(path, .readWrite)
        try bytes.withUnsafeBytes { bytes throws in try file.write(bytes, at: 0) }
        // Removed already: what is sent must stay open by itself.
        try PosixFileSystem().remove(path)
        return file
    }

    @Test(arguments: [SecurityProtocol.plaintext, .ssl], [false, true])
    func rangesOfFilesAndBytesArriveInOrder(_ security: SecurityProtocol, _ hidesDescriptor: Bool) async throws {
        let bytes = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 5) }
        let opened = try file("ranges-\(security)-\(hidesDescriptor)", bytes)
        let file: any File = hidesDescriptor ? PlainFile(opened) : opened
        let ranges = [0..<16, 100..<(100 + 16 * 1024), 5..<6, 4096..<(2 << 20), 7..<20000, 1..<(3 << 20), 9..<9]
        var pieces: [RecordBytes] = []
        var expected: [UInt8] = []
        for (number, range) in ranges.enumerated() {
            let header = [UInt8](repeating: UInt8(number), count: number * 5000)
            expected += header + bytes[range]
            pieces.append(.inMemory(ByteBuffer(bytes: header)))
            pieces.append(.inFile(FileRange(file: file, position: range.lowerBound, count: range.count)))
        }
        pieces.insert(.inMemory(ByteBuffer(integer: UInt32(expected.count))), at: 0)

        var settings = ListenerSettings(
            name: "FILES", host: "127.0.0.1", port: 0, securityProtocol: security,
            tls: TLSSettings(identity: .bundle(file: TestCertificates.path("server.pem"))))
        settings.unsentBytesBound = 1 << 20
        let reply = pieces
        let listener = try await Listener.bind(settings, on: group, logger: lines.logger) { _ in
            RecordingHandler(answer: { frames, connection in for _ in frames { connection.send(reply) } })
        }
        let tls =
            security.usesTLS
            ? try TLSContexts(
                TLSSettings(trust: .file(TestCertificates.path("one-ca.crt"))), role: .client, logger: lines.logger)
            : nil
        let client = RecordingHandler()
        let connection = try await Connector.connect(
            ConnectSettings(host: "127.0.0.1", port: listener.port, tls: tls), on: group, logger: lines.logger
        ) { _ in client }
        for _ in 0..<5 { connection.send(frame([1])) }
        let received = await client.frames(5)
        #expect(received.count == 5)
        #expect(received.allSatisfy { $0 == expected })
        connection.close(.ended)
        try await listener.close()
    }

    @Test(arguments: [SecurityProtocol.plaintext, .ssl])
    func aFileThatEndsTooEarlyEndsTheConnection(_ security: SecurityProtocol) async throws {
        let short = try file("short-\(security)", [1, 2, 3])
        var settings = ListenerSettings(
            name: "FILES", host: "127.0.0.1", port: 0, securityProtocol: security,
            tls: TLSSettings(identity: .bundle(file: TestCertificates.path("server.pem"))))
        settings.maximumIdleTime = nil
        let server = RecordingHandler(answer: { _, connection in
            connection.send([.inFile(FileRange(file: short, position: 1, count: 1000))])
        })
        let listener = try await Listener.bind(settings, on: group, logger: lines.logger) { _ in server }
        let tls =
            security.usesTLS
            ? try TLSContexts(
                TLSSettings(trust: .file(TestCertificates.path("one-ca.crt"))), role: .client, logger: lines.logger)
            : nil
        let connection = try await Connector.connect(
            ConnectSettings(host: "127.0.0.1", port: listener.port, tls: tls), on: group, logger: lines.logger
        ) { _ in RecordingHandler() }
        connection.send(frame([1]))
        let reason = await server.closeReason()
        #expect(reason?.description.contains("it ends 998 bytes before what was to be sent from 1") == true)
        try await listener.close()
    }
}
