import CLinux

/// The memory that this process has freed.
package enum FreeMemory {
    /// Gives it back to the system, which the allocator does by itself only at its ends. All threads may have to wait for
    /// that: some 50 ms for 200 MB in small pieces.
    package static func giveBack() { martlet_return_free_memory() }
}
