import ArgumentParser

/// `martlet mirror`: looking after links.
struct MirrorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mirror",
        abstract: "Look after links: plan, describe, change and prove them, and move the home of their topics.",
        subcommands: [
            MirrorList.self, MirrorPlan.self, MirrorDescribe.self, MirrorCreate.self, MirrorPause.self,
            MirrorResume.self, MirrorSet.self, MirrorDelete.self, MirrorVerify.self, MirrorPromote.self,
            MirrorFailover.self, MirrorFailback.self, MirrorDrill.self,
        ])
}
