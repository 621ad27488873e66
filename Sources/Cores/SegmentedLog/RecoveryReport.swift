import ClusterModel

/// What opening a log found and mended.
package struct RecoveryReport: Sendable, Equatable {
    /// Bytes that were no sound batches, with all after them.
    package struct Cut: Sendable, Equatable, CustomStringConvertible {
        package var path: String
        /// Where the file ends now.
        package var position: Int
        package var removedBytes: Int
        package var reason: String

        package var description: String {
            "\(path) was cut off at byte \(position), with \(removedBytes) bytes behind it: \(reason)"
        }
    }

    /// Segments whose batches were all read again.
    package var scannedSegments = 0
    package var scannedBytes = 0
    package var cuts: [Cut] = []
    /// Files that had no place in the log any more.
    package var removedFiles: [String] = []
    /// Segments whose indexes were written anew because they were absent or unsound, by base offset.
    package var rebuiltIndexes: [Offset] = []

    package init() {}
}
