import NIOCore
import NIOPosix
import Synchronization

/// One side of an authentication, which takes the other's tokens in turn.
package protocol SASLExchange: AnyObject, SendableMetatype {
    /// Takes the other side's next token.
    func step(_ token: [UInt8]) throws(SASLFailure) -> SASLStep
}

extension SASLClientExchange: SASLExchange {}
extension SASLServerExchange: SASLExchange {}

/// Takes the steps of one exchange off the event loops, for those of Kerberos read files and ask its server. One step at
/// a time.
package final class SASLSteps<Exchange: SASLExchange>: Sendable {
    private let make: @Sendable () throws(SASLFailure) -> sending Exchange
    private let exchange = Mutex<Exchange?>(nil)

    /// - Parameter make: called with the first step.
    package init(_ make: @escaping @Sendable () throws(SASLFailure) -> sending Exchange) { self.make = make }

    /// Called on `eventLoop`, on which `then` is called as well.
    package func take(
        _ token: [UInt8], on eventLoop: any EventLoop, then: @escaping (Result<SASLStep, SASLFailure>) -> Void
    ) {
        let then = NIOLoopBound(then, eventLoop: eventLoop)
        let stepped = NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { self.take(token) }
        stepped.whenComplete { result in
            switch result {
            case .success(let outcome): then.value(outcome)
            case .failure(let error): then.value(.failure(SASLFailure("\(error)")))
            }
        }
    }

    private func take(_ token: [UInt8]) -> Result<SASLStep, SASLFailure> {
        exchange.withLock { exchange in
            do throws(SASLFailure) {
                if exchange == nil { exchange = try make() }
                guard let exchange else { preconditionFailure("an exchange that was made is gone") }
                return .success(try exchange.step(token))
            } catch {
                return .failure(error)
            }
        }
    }
}

extension SASLSteps<SASLServerExchange> {
    /// Who has been authenticated, when the last step has ended well.
    package var user: String? { exchange.withLock { $0?.user } }
}
