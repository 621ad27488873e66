import Security

/// Where a listener listens and what it demands of connections.
package struct ListenerSettings: Sendable {
    /// The name in settings and log lines.
    package var name: String
    /// An address or a host name of this machine; empty for all addresses.
    package var host: String
    /// 0 lets the system choose.
    package var port: Int
    package var securityProtocol: SecurityProtocol
    /// Needed when `securityProtocol` uses TLS.
    package var tls: TLSSettings?
    /// Whether what is sent as one buffer starts a TLS record. Clients that wait for their socket before they look into
    /// what TLS has decrypted already (kazoo does) overlook what shares a record with what they have read.
    package var hasRecordForEachPiece: Bool
    /// How a client certificate's subject becomes its principal.
    package var principals: PrincipalMapping
    /// `socket.request.max.bytes`, `jute.maxbuffer`; a longer frame ends the connection before memory is taken for it.
    package var maximumFrameSizeInBytes: Int
    /// `connections.max.idle.ms`; nil for never.
    package var maximumIdleTime: Duration?
    package var maximumConnections: Int?
    package var maximumConnectionsPerAddress: Int?
    /// From this many unsent bytes on a connection is not read further, until they have halved.
    package var unsentBytesBound: Int
    /// How long TLS may take to be established.
    package var handshakeTimeout: Duration
    /// How often, at most, the files of `tls` are looked at for changes.
    package var fileCheckInterval: Duration

    package init(
        name: String, host: String, port: Int, securityProtocol: SecurityProtocol = .plaintext,
        tls: TLSSettings? = nil, hasRecordForEachPiece: Bool = false, principals: PrincipalMapping = .subject,
        maximumFrameSizeInBytes: Int = 100 << 20, maximumIdleTime: Duration? = .seconds(600),
        maximumConnections: Int? = nil, maximumConnectionsPerAddress: Int? = nil, unsentBytesBound: Int = 8 << 20,
        handshakeTimeout: Duration = .seconds(10), fileCheckInterval: Duration = .seconds(1)
    ) {
        self.name = name
        self.host = host
        self.port = port
        self.securityProtocol = securityProtocol
        self.tls = tls
        self.hasRecordForEachPiece = hasRecordForEachPiece
        self.principals = principals
        self.maximumFrameSizeInBytes = maximumFrameSizeInBytes
        self.maximumIdleTime = maximumIdleTime
        self.maximumConnections = maximumConnections
        self.maximumConnectionsPerAddress = maximumConnectionsPerAddress
        self.unsentBytesBound = unsentBytesBound
        self.handshakeTimeout = handshakeTimeout
        self.fileCheckInterval = fileCheckInterval
    }
}
