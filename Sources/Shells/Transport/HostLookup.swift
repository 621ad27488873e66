import Dispatch
import Glibc
import NIOCore
import NIOPosix

/// Asks the system for the addresses of one host. SwiftNIO's own resolver asks for one host after the other on each
/// event loop; here a name that nobody answers for delays no other.
final class HostLookup: Resolver, Sendable {
    /// What the system's resolver said.
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private let v4: EventLoopPromise<[SocketAddress]>
    private let v6: EventLoopPromise<[SocketAddress]>

    init(on loop: any EventLoop) {
        v4 = loop.makePromise()
        v6 = loop.makePromise()
    }

    /// Starts the lookup; it is the first of the two that is called.
    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        DispatchQueue.global().async { self.look(for: host, port) }
        return v6.futureResult
    }

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { v4.futureResult }

    /// A question to the system cannot be taken back; its answer is dropped.
    func cancelQueries() {}

    private func look(for host: String, _ port: Int) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, "\(port)", &hints, &found)
        guard status == 0 else {
            let failure = Failure(description: String(cString: gai_strerror(status)))
            v6.fail(failure)
            v4.fail(failure)
            return
        }
        defer { freeaddrinfo(found) }
        var addresses4: [SocketAddress] = []
        var addresses6: [SocketAddress] = []
        var next = found
        while let entry = next?.pointee {
            next = entry.ai_next
            guard let address = entry.ai_addr else { continue }
            switch entry.ai_family {
            case AF_INET:
                address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    addresses4.append(SocketAddress($0.pointee))
                }
            case AF_INET6:
                address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                    addresses6.append(SocketAddress($0.pointee))
                }
            default: continue
            }
        }
        v6.succeed(addresses6)
        v4.succeed(addresses4)
    }
}
