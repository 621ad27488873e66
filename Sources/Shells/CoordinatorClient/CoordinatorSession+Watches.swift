import ZooKeeperProtocol

extension CoordinatorSession {
    /// The kinds of watches that the session holds on a node; never ``WatcherType/any``.
    package func watches(on path: String) -> [WatcherType] {
        state.withLock { $0.watches.kinds(on: chroot.whole(path)) }
    }

    /// Drops watches without telling the server, which may go on telling of them until the connection ends.
    package func forgetWatches(on path: String, _ type: WatcherType) {
        state.withLock { $0.watches.remove(chroot.whole(path), type.rawValue) }
    }
}
