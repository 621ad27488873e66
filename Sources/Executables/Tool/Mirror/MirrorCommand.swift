import ArgumentParser

/// `martlet mirror`: looking after links that mirror exactly.
struct MirrorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mirror", abstract: "Prove what a link has mirrored, and move the home of its topics.",
        subcommands: [MirrorVerify.self, MirrorPromote.self, MirrorFailover.self])
}
