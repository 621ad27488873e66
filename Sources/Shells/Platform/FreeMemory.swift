import CLinux

/// The memory that this process has freed.
package enum FreeMemory {
    /// Gives it back to the system, which the allocator does by itself only at its ends. All threads may have to wait for
    /// that: some 50 ms for 200 MB in small pieces.
    package static func giveBack() { martlet_return_free_memory() }

    /// Keeps up to so many bytes at each end, for all of this process and from now on. By itself the allocator gives twice
    /// the largest piece freed so far back at once: where frames of megabytes come and go, all their pages are then
    /// faulted in and cleared again and again.
    /// - Returns: whether the allocator does so.
    @discardableResult
    package static func keep(upTo bytes: Int) -> Bool { martlet_keep_free_memory(bytes) != 0 }
}
