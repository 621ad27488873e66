import KafkaProtocol

extension BrokerKernel {
    mutating func describeCluster(_ request: Request, _ body: DescribeClusterRequest) {
        var response = DescribeClusterResponse()
        response.clusterId = settings.clusterID
        response.endpointType = body.endpointType
        if body.endpointType != 1 {
            response.errorCode = ErrorCode.mismatchedEndpointType.rawValue
            response.errorMessage = "There are brokers here, and no separate controllers."
        } else {
            response.controllerId = image.controllerID?.value ?? -1
            response.brokers = image.brokers.sorted { $0.key < $1.key }.compactMap { id, broker in
                guard let endpoint = broker.endpoint(ofListener: request.origin.listener) else { return nil }
                var told = DescribeClusterResponse.DescribeClusterBroker()
                told.brokerId = id.value
                told.host = endpoint.host
                told.port = endpoint.port
                told.rack = broker.rack
                return told
            }
            if body.includeClusterAuthorizedOperations {
                response.clusterAuthorizedOperations = permittedOperationsOnCluster(request)
            }
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }
}
