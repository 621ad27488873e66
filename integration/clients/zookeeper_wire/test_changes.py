"""Creations, deletions and changes: the same answers as Debian's ZooKeeper gives, field by field."""

from jute import *

KINDS = [0, 1, 2, 3, 4, 5, 6, 7, -1, 100]
PATHS = [
    "", "/", "a", "a/b", "//", "/c/", "/c//x", "/c/.", "/c/..", "/c/...", "/c/./x", "/c/../x", "/c/a\0b", "/c/a\1",
    "/c/\x7f", "/c/\x9f", "/c/\xa0", "/c/é", "/c/e\u0301", "/c/\ue000", "/c/\uf8ff", "/c/\uf900", "/c/\ufff0",
    "/c/\uffff", "/c/\U0001f600", "/zookeeper", "/zookeeper/quota", "/zookeeper/x", "/zookeeper/config/x", "/c/x y",
    "/c/x/", "/no/x", "/no/", "/n o/x", "/c/n/"]


def test_every_kind_of_node(compare):
    def conversation(talk):
        talk.open("a")
        for parent in ("/none", "/c"):
            for code in (CREATE, CREATE2, CREATE_CONTAINER):
                for flags in KINDS:
                    talk.ask("a", code, create(f"{parent}/{code}-{flags}-", b"x", flags=flags))
            talk.ask("a", CREATE, create("/c", b"x"))
        for flags in KINDS:
            # Below 0 for a node that has no time to live ends Apache ZooKeeper's process.
            times = [0, 1, 1000, 1099511627775, 1099511627776, 2**62] + ([-1] if flags in (5, 6) else [])
            for ttl in times:
                talk.ask("a", CREATE_TTL, create_ttl(f"/c/ttl{ttl}-{flags}-", ttl, flags=flags))
        talk.ask("a", GET_CHILDREN2, watched("/c"))
    compare(conversation)


def test_paths(compare):
    def conversation(talk):
        talk.open("a")
        talk.ask("a", CREATE, create("/c"))
        for path in PATHS:
            for flags in (0, 2):
                talk.ask("a", CREATE, create(path, flags=flags))
        for path in PATHS:
            for record in (set_data(path, b"1"), set_data(path, b"1", 5)):
                talk.ask("a", SET_DATA, record)
            for code in (EXISTS, GET_DATA, GET_CHILDREN, GET_CHILDREN2):
                talk.ask("a", code, watched(path))
            for code in (GET_ACL, GET_EPHEMERALS, GET_ALL_CHILDREN_NUMBER):
                talk.ask("a", code, buffer(path))
            # Java sends back what is above 16 bits in a form of its own.
            if path.isascii():
                talk.ask("a", SYNC, buffer(path))
            talk.ask("a", SET_ACL, set_acl(path, OPEN, 7))
            for version in (9, -1):
                talk.ask("a", DELETE, numbered(path, version))
    compare(conversation)


def test_null_paths(compare):
    def conversation(talk):
        talk.open("a")
        talk.ask("a", CREATE, int32(-1) + buffer(b"") + acl(OPEN) + int32(0))
        for code in (EXISTS, GET_DATA, GET_CHILDREN, GET_CHILDREN2):
            talk.ask("a", code, int32(-1) + boolean(False))
        for code in (GET_ACL, GET_ALL_CHILDREN_NUMBER):
            talk.ask("a", code, int32(-1))
        for code in (DELETE, CHECK_WATCHES, REMOVE_WATCHES):
            talk.ask("a", code, int32(-1) + int32(1))
    compare(conversation, zxids=False)


def test_versions_and_data(compare):
    def conversation(talk):
        talk.open("a")
        talk.ask("a", CREATE, create("/versions", None))
        talk.ask("a", GET_DATA, watched("/versions"))
        for version in (0, 0, 1, -1, -2, 2, 3, 99):
            talk.ask("a", SET_DATA, set_data("/versions", b"d", version))
        for version in (0, 0, 1, -1, -2, 3):
            talk.ask("a", SET_ACL, set_acl("/versions", OPEN, version))
        talk.ask("a", SET_DATA, set_data("/versions", None))
        talk.ask("a", GET_DATA, watched("/versions"))
        talk.ask("a", CREATE, create("/versions/e", flags=1))
        for flags in (0, 2):
            talk.ask("a", CREATE, create("/versions/e/x", flags=flags))
        talk.ask("a", DELETE, numbered("/versions"))
        for version in (0, -2, -1, -1):
            talk.ask("a", DELETE, numbered("/versions/e", version))
    compare(conversation)


def node(name, flags=0, code=CREATE):
    return code, create(f"/m/{name}", b"d", flags=flags)


MULTIS = [
    [], [node("1")], [node("1")], [node("2"), node("2")],
    [node("2"), node("2/x"), (DELETE, numbered("/m/2"))], [node("3", 2), node("3", 2)], [node("s", 1), node("s/x")],
    [(CHECK, numbered("/m", 0)), (SET_DATA, set_data("/m", b"x", 0)), (CHECK, numbered("/m", 1)),
     (SET_DATA, set_data("/m", b"y", 1))],
    [(CHECK, numbered("/m", 7))], [(CHECK, numbered("/no", 0))], [(CHECK, numbered("/no"))], [(CHECK, numbered(""))],
    [(CHECK, numbered("/m//"))], [(CHECK, numbered("/m"))],
    [node("a", 0, CREATE2), node("b", 4, CREATE_CONTAINER), node("c", 0, CREATE_CONTAINER)], [node("d", 4)],
    [node("e", 4, CREATE2)], [node("f", 5)], [(CREATE_TTL, create_ttl("/m/g", 1000))],
    [(CREATE_TTL, create_ttl("/m/h", 1000, flags=0))], [(CREATE_TTL, create_ttl("/m/i", 1000, flags=6))],
    [(CREATE_TTL, create_ttl("/m/j", 0))], [node("q"), (DELETE, numbered("/m/q", 0)), node("q")],
    [(DELETE, numbered("/m"))], [(DELETE, numbered("/"))], [(DELETE, numbered("bad"))], [(SET_DATA, set_data("/no"))],
    [(SET_DATA, set_data("bad"))], [(CREATE, create("/m/k", b"", []))], [(CREATE, create("/m/k", b"", [(31, "no", "x")]))],
    [node("l"), node("1"), node("m"), node("n")], [(EXISTS, watched("/m"))], [(GET_DATA, watched("/m"))],
    [(SET_ACL, set_acl("/m", OPEN))], [(PING, b"")], [(99, b"")], [(DELETE_CONTAINER, buffer("/m/b"))],
    [(CLOSE_SESSION, b"")], [(MULTI, multi(node("o")))]]
READS = [
    [], [(GET_DATA, watched("/m"))], [(GET_CHILDREN2, watched("/m"))], [(EXISTS, watched("/m"))], [node("z")],
    [(GET_DATA, watched("/m")), (GET_CHILDREN, watched("/m")), (GET_DATA, watched("/no")), (GET_CHILDREN, watched("no"))],
    [(GET_DATA, watched("/m", True))]]


def test_multis(compare):
    def conversation(talk):
        talk.open("a")
        talk.ask("a", CREATE, create("/m"))
        for operations in MULTIS:
            talk.ask("a", MULTI, multi(*operations))
        talk.ask("a", GET_CHILDREN2, watched("/m"))
        for operations in READS:
            talk.ask("a", MULTI_READ, multi(*operations))
        whole = multi(node("t"))
        for broken in (b"", whole[:-1], whole[:-9], whole[:20]):
            talk.ask("a", MULTI, broken)
        talk.ask("a", MULTI, whole + b"and more")
        talk.ask("a", CREATE, create("/m/u") + b"more")
    compare(conversation, zxids=False)


def test_quotas(compare):
    root = "/zookeeper/quota"

    def conversation(talk):
        def limit(path, limits):
            for record in (create(root + path), create(f"{root}{path}/zookeeper_limits", limits),
                           create(f"{root}{path}/zookeeper_stats", b"count=0,bytes=0")):
                talk.ask("a", CREATE, record)

        def show(*paths):
            for path in paths:
                talk.ask("a", GET_DATA, watched(f"{root}{path}/zookeeper_stats"))

        talk.open("a")
        talk.ask("a", CREATE, create("/q", b"12345"))
        talk.ask("a", CREATE, create("/q/x", b"123"))
        limit("/q", "count=3,bytes=20=;byteHardLimit=12;countHardLimit=3")
        show("/q")
        for code, record in (
                (CREATE, create("/q/y")), (CREATE, create("/q/z")), (CREATE, create("/q/y")),
                (SET_DATA, set_data("/q/y", b"12345")), (SET_DATA, set_data("/q/y", b"1234")),
                (SET_DATA, set_data("/q/y", b"12345", 9)), (SET_DATA, set_data("/q/x", b"", 9)),
                (SET_DATA, set_data("/q")), (CREATE, create("/q/s", flags=2)), (DELETE, numbered("/q/y")),
                (CREATE, create("/q/e", flags=1)),
                (MULTI, multi((DELETE, numbered("/q/e")), (SET_DATA, set_data("/q", b"1")))),
                (CREATE, create("/qq", b"1")), (SET_DATA, set_data(f"{root}/q/zookeeper_limits", b"count=-1,bytes=-1")),
                (CREATE, create("/q/1", b"1")), (CREATE, create("/q/2", b"1"))):
            talk.ask("a", code, record)
            show("/q")
        limit("/q/x", "count=1,bytes=1")
        talk.ask("a", CREATE, create("/q/x/k", b"11"))
        show("/q", "/q/x")
        talk.ask("a", DELETE, numbered(f"{root}/q/x/zookeeper_limits"))
        talk.ask("a", CREATE, create("/q/x/l", b"11"))
        show("/q", "/q/x")
        talk.ask("a", SET_DATA, set_data(f"{root}/q/zookeeper_stats", b"count=100,bytes=7;extra=3;aaa=2"))
        talk.ask("a", CREATE, create("/q/3", b"1"))
        show("/q")
        talk.ask("a", DELETE, numbered(f"{root}/q/zookeeper_stats"))
        talk.ask("a", CREATE, create("/q/4", b"1"))
        show("/q")
        talk.ask("a", CREATE, create(f"{root}/q/zookeeper_stats"))
        show("/q")
        limit("/absent", "count=1,bytes=1")
        talk.ask("a", CREATE, create("/absent", b"abc"))
        show("/absent")
    compare(conversation)
