"""Sessions, requests that nobody knows, and what belongs to a connection: as Debian's ZooKeeper answers."""

from jute import *


def test_handshakes(compare):
    def conversation(talk):
        for timeout in (0, -1, 1, 999, 1000, 1500, 9999, 10000, 60000, 70000, 2**31 - 1, -2**31):
            talk.open(f"timeout {timeout}", timeout=timeout)
        talk.open("old", read_only=None)
        talk.hear("old")
        talk.open("any", read_only=True)
        talk.open("a")
        talk.ask("a", CREATE, create("/session", flags=1))
        talk.open("b", resume="a")
        talk.ended("a")
        talk.ask("b", EXISTS, watched("/session"))
        for session in (12345, -5):
            talk.open(f"none {session}", session=session)
            talk.ended(f"none {session}")
        talk.open("ahead", last_zxid=2**60)
        talk.open("far behind", last_zxid=-1)
        talk.ask("b", CLOSE_SESSION)
        talk.ended("b")
        talk.open("gone", resume="b")
        talk.ended("gone")
    compare(conversation)


def test_a_wrong_password_harms_nobody(both):
    """Apache ZooKeeper ends the connection of a session whose password somebody gets wrong."""
    ours = both[1]
    with Wire(ours.port) as owner:
        assert owner.connect()
        for password in (b"x" * 16, b"x", b""):
            with Wire(ours.port) as other:
                assert other.connect(session=owner.session, password=password) and other.session == 0
                assert other.receive() is None
        assert owner.ask(PING, xid=-2)[1][2] == 0


def test_unknown_requests(compare):
    def conversation(talk):
        for index, code in enumerate((0, 10, 23, 50, 99, 108, -1, -2, -12, 1000, 2**31 - 1, -2**31)):
            for record in (b"", buffer("/o") + bytes(20)):
                name = f"client {index} {len(record)}"
                talk.open(name)
                talk.ask(name, code, record)
                talk.ended(name)
        for code in (CREATE_SESSION, DELETE_CONTAINER):
            talk.open(f"{code}")
            talk.ask(f"{code}", code, differs=(-6, "these are the server's own"))
    compare(conversation, zxids=False)


def test_records_that_end_early(compare):
    def conversation(talk):
        talk.open("a")
        for code in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15, 17, 18, 19, 21, 22, 101, 103, 104, 105, 106):
            talk.ask("a", code)
        talk.open("closes")
        talk.ask("closes", CLOSE_SESSION, b"and more")
        talk.ended("closes")
    compare(conversation, zxids=False)


def test_what_a_connection_has(compare):
    def conversation(talk):
        talk.open("a")
        for xid, record in ((-2, b""), (5, b""), (-2, b"more")):
            talk.ask("a", PING, record, xid=xid)
        talk.ask("a", WHO_AM_I)
        talk.ask("a", WHO_AM_I, b"more")
        talk.ask("a", GET_DATA, watched("/zookeeper/config"))
        talk.ask("a", GET_ACL, buffer("/zookeeper/config"))
        talk.ask("a", SET_DATA, set_data("/zookeeper/config", b"x"))
        for path in ("/zookeeper", "/"):
            talk.ask("a", GET_CHILDREN, watched(path))
        talk.ask("a", CREATE, create("/has"))
        for index in range(3):
            talk.ask("a", CREATE, create(f"/has/e{index}", flags=1))
        talk.open("b")
        for prefix in ("", "/", "/has", "/has/", "/has/e1", "/x"):
            talk.ask("a", GET_EPHEMERALS, buffer(prefix))
            talk.ask("b", GET_EPHEMERALS, buffer(prefix))
        for kind in (0, 1, 2, 3, 6, -1):
            talk.ask("a", CHECK_WATCHES, numbered("/has", kind))
            talk.ask("a", REMOVE_WATCHES, numbered("/has", kind))
        for kind in (4, 5):
            for code in (CHECK_WATCHES, REMOVE_WATCHES):
                talk.ask("a", code, numbered("/has", kind), differs=(-121, "3.9 knows kinds of persistent watches"))
        for mode in (0, 1, 2, -1):
            for path in ("/has", "bad", "/not/there"):
                talk.ask("a", ADD_WATCH, numbered(path, mode))
        for token in (b"", b"abc"):
            talk.ask("a", SASL, buffer(token))
        talk.hear("a")
    compare(conversation, zxids=False)
