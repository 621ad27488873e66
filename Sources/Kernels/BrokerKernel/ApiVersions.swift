import KafkaProtocol
import WireCoding

extension BrokerKernel {
    mutating func apiVersions(_ request: Request, _ body: ApiVersionsRequest) {
        var response = ApiVersionsResponse()
        if request.version >= 3,
            !Self.isSoftwareName(body.clientSoftwareName)
                || !Self.isSoftwareName(body.clientSoftwareVersion)
        {
            response.errorCode = ErrorCode.invalidRequest.rawValue
        }
        response.apiKeys = Self.offeredVersions
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    /// A version we do not know is answered in version 0 with the versions we do know (KIP-511).
    mutating func refuseApiVersions(_ request: Request) {
        var response = ApiVersionsResponse()
        response.errorCode = ErrorCode.unsupportedVersion.rawValue
        response.apiKeys = Self.offeredVersions
        reply(to: request) { response.write(to: &$0, version: 0) }
    }

    private static let offeredVersions: [ApiVersionsResponse.ApiVersion] = offeredAPIs.compactMap { key in
        guard let versions = key.offeredVersions else { return nil }
        var offer = ApiVersionsResponse.ApiVersion()
        offer.apiKey = key.rawValue
        offer.minVersion = versions.lowerBound
        offer.maxVersion = versions.upperBound
        return offer
    }.sorted { $0.apiKey < $1.apiKey }

    /// Letters, digits, `.` and `-`, with a letter or digit at both ends (KIP-511).
    private static func isSoftwareName(_ text: String) -> Bool {
        func isLetterOrDigit(_ character: UInt8) -> Bool {
            switch character {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        guard let first = text.utf8.first, let last = text.utf8.last else { return false }
        return isLetterOrDigit(first) && isLetterOrDigit(last)
            && text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }
}
