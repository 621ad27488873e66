import NIOCore
import Testing

@testable import Transport

@Suite("How peers are named")
struct PeerAddressTests {
    @Test(
        "An IPv4 peer has its IPv4 address, also on a socket that serves both families",
        arguments: [
            ("192.0.2.7", "192.0.2.7", "192.0.2.7:9092"), ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7:9092"),
            ("::1", "::1", "[::1]:9092"), ("2001:db8::ffff:1", "2001:db8::ffff:1", "[2001:db8::ffff:1]:9092"),
        ])
    func names(_ address: String, _ host: String, _ text: String) throws {
        let address = try SocketAddress(ipAddress: address, port: 9092)
        #expect(address.host == host && address.text == text)
    }
}
