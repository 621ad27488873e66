/// A file that the kernel knows by a descriptor, so that its bytes can go to a socket without passing through the
/// process. Files of the simulated disk are none.
package protocol DescriptorFile: File {
    /// Open as long as the object lives; whoever borrows it keeps a reference to the object until done.
    var descriptor: CInt { get }
}
