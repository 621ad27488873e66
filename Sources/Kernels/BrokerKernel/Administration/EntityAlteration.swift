import Controller
import KafkaProtocol
import Seams

extension BrokerKernel {
    /// Alters what is set for a user, a client or an address, and answers when the image shows it. Where somebody else
    /// alters the same at the same time, the later one begins again on what the earlier one has made of it: a user's
    /// quotas and credentials stand in one node.
    /// - Parameters:
    ///   - path: below `/config`.
    ///   - altered: what is set there becomes this.
    mutating func alterEntity(
        _ path: String, by deadline: Instant, isValidation: Bool = false,
        _ altered: @escaping ([String: String]) throws(AdminRefusal) -> [String: String],
        then done: @escaping (inout BrokerKernel, AdminRefusal?) -> Void
    ) {
        let present = image.entityConfigs[path] ?? [:]
        let configs: [String: String]
        do throws(AdminRefusal) {
            configs = try altered(present)
        } catch {
            return done(&self, error)
        }
        guard !isValidation, configs != present else { return done(&self, nil) }
        change(.setConfigs(entity: path, configs: configs, replacing: present)) { kernel, outcome in
            guard let refusal = AdminRefusal(outcome) else {
                return kernel.whenImage(by: deadline) {
                    $0.image.entityConfigs[path] ?? [:] == configs
                } then: { kernel, _ in
                    done(&kernel, nil)
                }
            }
            guard refusal.error == .invalidUpdateVersion else { return done(&kernel, refusal) }
            kernel.whenImage(by: deadline) {
                $0.image.entityConfigs[path] ?? [:] != present
            } then: { kernel, hasChanged in
                guard hasChanged else { return done(&kernel, refusal) }
                kernel.alterEntity(path, by: deadline, altered, then: done)
            }
        }
    }
}
