import Testing

@testable import CoordinatorClient

@Suite struct SettingsTests {
    @Test func connectStringsAreRead() throws {
        let settings = try CoordinatorSettings(connect: "zk1:2182, zk2 ,[::1]:2183,[fe80::1]/kafka/east/")
        #expect(settings.servers.map(\.description) == ["zk1:2182", "zk2:2181", "[::1]:2183", "[fe80::1]:2181"])
        #expect(settings.chroot == "/kafka/east")
        #expect(try CoordinatorSettings(connect: "zk1/").chroot == "")
    }

    @Test(arguments: ["", "zk1,", ":2181", "zk1:port", "zk1:0", "zk1:65536", "/kafka"])
    func whatIsNoAddressIsRefused(_ text: String) {
        #expect(throws: CoordinatorSettings.UnreadableAddress.self) { try CoordinatorSettings(connect: text) }
    }

    @Test func pathsOutsideAChrootStayAsTheyAre() {
        let chroot = Chroot(folder: "/kafka")
        #expect(chroot.seen("/kafka2/a") == "/kafka2/a")
        #expect(chroot.seen("/kafka") == "/")
        #expect(chroot.whole("/") == "/kafka")
    }
}
