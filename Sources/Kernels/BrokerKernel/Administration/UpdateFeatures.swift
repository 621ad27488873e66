import KafkaProtocol
import KafkaProtocolClusters

extension BrokerKernel {
    /// A cluster that lives in a coordination tree has no versioned features: each update is refused, as Apache's
    /// controller refuses it there (KIP-584).
    mutating func updateFeatures(_ request: Request, _ body: UpdateFeaturesRequest) {
        var response = UpdateFeaturesResponse()
        do throws(AdminRefusal) {
            guard permitsOnCluster(request, .alter) else { throw .unauthorizedOnCluster }
            try checkIsController()
            response.results = body.featureUpdates.map { update in
                var told = UpdateFeaturesResponse.UpdatableFeatureResult()
                told.feature = update.feature
                told.errorCode = ErrorCode.invalidRequest.rawValue
                told.errorMessage =
                    update.feature.isEmpty
                    ? "Feature name can not be empty."
                    : "Could not apply finalized feature update because the provided feature is not supported."
                return told
            }
        } catch {
            response.errorCode = error.error.rawValue
            response.errorMessage = error.message
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }
}
