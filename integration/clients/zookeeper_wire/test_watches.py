"""Which watch events come, and when: as Debian's ZooKeeper sends them.

Kinds of watches that one connection sets on one path hinder each other before 3.9; here each has a connection.
"""

from jute import *


def change_everything(talk, hear):
    for code, record in (
            (CREATE, create("/w/new")), (CREATE, create("/w/new/deep")), (SET_DATA, set_data("/w/new")),
            (SET_DATA, set_data("/w")), (SET_ACL, set_acl("/w", OPEN)), (DELETE, numbered("/w/new/deep")),
            (DELETE, numbered("/w/new")),
            (MULTI, multi((CREATE, create("/w/m1")), (CREATE, create("/w/m2")), (SET_DATA, set_data("/w/m1")),
                          (DELETE, numbered("/w/m1")), (DELETE, numbered("/w/m2"))))):
        talk.ask("writer", code, record)
        talk.hear(*hear)


def test_events(compare):
    def conversation(talk):
        names = ("data", "children", "absent", "persistent", "recursive", "root", "both")
        talk.open("writer")
        for name in names:
            talk.open(name)
        for path in ("/w", "/w/k"):
            talk.ask("writer", CREATE, create(path))
        for _ in range(2):
            talk.ask("data", GET_DATA, watched("/w", True))
            talk.ask("children", GET_CHILDREN, watched("/w", True))
            talk.ask("absent", EXISTS, watched("/w/new", True))
            talk.ask("both", GET_DATA, watched("/w/k", True))
            talk.ask("both", GET_CHILDREN2, watched("/w/k", True))
            talk.ask("persistent", ADD_WATCH, numbered("/w", 0))
            talk.ask("recursive", ADD_WATCH, numbered("/w", 1))
            talk.ask("root", ADD_WATCH, numbered("/", 1))
            change_everything(talk, names)
        talk.ask("writer", DELETE, numbered("/w/k"))
        talk.hear(*names)
        for name in ("data", "children"):
            for code in (GET_DATA, GET_CHILDREN):
                talk.ask(name, code, watched("/w/none", True))
        talk.ask("writer", CREATE, create("/w/none"))
        talk.hear(*names)
        talk.ask("persistent", REMOVE_WATCHES, numbered("/w", 3))
        talk.ask("recursive", REMOVE_WATCHES, numbered("/w", 3))
        talk.ask("root", REMOVE_WATCHES, numbered("/", 3))
        change_everything(talk, names)
    compare(conversation)


def test_removing(compare):
    def conversation(talk):
        talk.open("a")
        talk.ask("a", CREATE, create("/r"))
        talk.ask("a", GET_DATA, watched("/r", True))
        for kind in (2, 1, 3):
            talk.ask("a", CHECK_WATCHES, numbered("/r", kind))
            talk.ask("a", REMOVE_WATCHES, numbered("/r", kind))
        talk.ask("a", GET_CHILDREN, watched("/r", True))
        for kind in (2, 1, 3):
            talk.ask("a", REMOVE_WATCHES, numbered("/r", kind))
        for kind in (1, 2, 3):
            talk.ask("a", CHECK_WATCHES, numbered("/r", kind))
    compare(conversation)


def test_the_end_of_a_session(compare):
    def conversation(talk):
        for name in ("a", "data", "children", "above"):
            talk.open(name)
        talk.ask("a", CREATE, create("/s"))
        talk.ask("a", CREATE, create("/s/e", flags=1))
        talk.ask("a", GET_DATA, watched("/s/e", True))
        talk.ask("data", GET_DATA, watched("/s/e", True))
        talk.ask("data", GET_CHILDREN, watched("/s/e", True))
        talk.ask("children", GET_CHILDREN, watched("/s", True))
        talk.ask("above", ADD_WATCH, numbered("/", 1))
        talk.ask("a", CLOSE_SESSION)
        talk.ended("a")
        talk.hear("data", "children", "above")
    compare(conversation)


def test_setting_watches_again(compare):
    def conversation(talk):
        talk.open("a")
        talk.open("b")
        for path in ("/again", "/again/data", "/again/child", "/again/same"):
            talk.ask("a", CREATE, create(path))
        zxid = talk.base + talk.ask("a", SYNC, buffer("/"))[1]
        talk.ask("a", SET_DATA, set_data("/again/data"))
        talk.ask("a", CREATE, create("/again/child/x"))
        talk.ask("a", CREATE, create("/again/came"))
        for xid, record in (
                (-8, set_watches(
                    zxid, ["/again/data", "/again/same", "/again/gone", "/again/same"], ["/again/came", "/again/still"],
                    ["/again/child", "/again/same", "/again/gone-too"])),
                (9, set_watches(0, ["/again/same"], [], ["/again/same"])),
                (-8, set_watches(2**60, ["/again/same", "/again/data"], [], ["/again/same"]))):
            talk.ask("b", SET_WATCHES, record, xid=xid)
            talk.hear("b")
        talk.ask("b", SET_WATCHES2, set_watches(
            zxid, ["/again/data", "bad", "", "/"], ["bad", "/again/data"], ["//"], ["/again/p"], ["/again/r"]), xid=-8)
        talk.hear("b")
        for path in ("/again/same", "/again/still", "/again/child"):
            for kind in (1, 2, 3):
                talk.ask("b", REMOVE_WATCHES, numbered(path, kind))
        for path in ("/again/p", "/again/p/x", "/again/r", "/again/r/x"):
            talk.ask("a", CREATE, create(path))
            talk.hear("b")
        for code, record in ((SET_WATCHES, set_watches(0)[:-1]), (SET_WATCHES2, set_watches(0))):
            talk.ask("b", code, record, xid=-8)
    compare(conversation)


def test_events_of_what_may_not_be_read_are_not_sent(both):
    """Since 3.9.2 (CVE-2024-23944); Debian's 3.8.0 tells everybody."""
    ours = both[1]
    with Wire(ours.port) as owner, Wire(ours.port) as other:
        assert owner.connect() and other.connect()
        owner.ask(AUTH, authentication("digest", "q:q"), xid=-4)
        other.ask(ADD_WATCH, numbered("/hidden", 1))
        other.ask(EXISTS, watched("/hidden", True))
        owner.ask(CREATE, create("/hidden", b"", [(ALL, "auth", "")]))
        owner.ask(CREATE, create("/hidden/x", b"", [(ALL, "auth", "")]))
        assert other.ask(PING, xid=-2)[0] == []
        assert other.ask(SET_WATCHES, set_watches(0, ["/hidden"], ["/hidden"], ["/hidden"]), xid=-8)[0] == []
