import ZooKeeperProtocol

extension OpCode {
    /// Whether it is for the ensemble to agree on.
    var isUpdate: Bool {
        switch self {
        case .create, .create2, .createContainer, .createTTL, .delete, .deleteContainer, .setData, .setACL, .check,
            .multi, .reconfig, .createSession, .closeSession:
            true
        case .exists, .getData, .getACL, .getChildren, .getChildren2, .sync, .ping, .multiRead, .checkWatches,
            .removeWatches, .auth, .setWatches, .setWatches2, .addWatch, .sasl, .getEphemerals,
            .getAllChildrenNumber, .whoAmI, .notification, .error:
            false
        }
    }

    /// The four letters by which `cons` names the last operation of a connection.
    var fourLetters: StaticString {
        switch self {
        case .create, .create2, .createContainer, .createTTL: "CREA"
        case .delete, .deleteContainer: "DELE"
        case .exists: "EXIS"
        case .getData: "GETD"
        case .setData: "SETD"
        case .getACL: "GETA"
        case .setACL: "SETA"
        case .getChildren, .getChildren2: "GETC"
        case .sync: "SYNC"
        case .ping: "PING"
        case .check: "CHEC"
        case .multi: "MULT"
        case .multiRead: "MLTR"
        case .reconfig: "RECO"
        case .checkWatches: "CHKW"
        case .removeWatches: "REMW"
        case .auth: "AUTH"
        case .setWatches: "SETW"
        case .setWatches2: "STW2"
        case .addWatch: "ADDW"
        case .sasl: "SASL"
        case .getEphemerals: "GETE"
        case .getAllChildrenNumber: "GACN"
        case .whoAmI: "HOMI"
        case .createSession: "SESS"
        case .closeSession: "CLOS"
        case .notification, .error: "NA"
        }
    }
}
