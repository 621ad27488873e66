"""Access lists and how clients authenticate: the same answers as Debian's ZooKeeper gives."""

from jute import *

BOB = "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="
LISTS = [
    [], None, [(31, "world", "anyone")] * 2, [(31, "world", "all")], [(31, "world", "")], [(31, "auth", "")],
    [(31, "digest", BOB)], [(31, "digest", "bob")], [(31, "digest", "a:b:c")], [(31, "digest", ":")],
    [(31, "digest", "a:")], [(31, "digest", ":b")], [(31, "digest", "")], [(31, "ip", "127.0.0.1")],
    [(31, "ip", "127.0.0.1/8")], [(31, "ip", "127.0.0.1/33")], [(31, "ip", "127.0.0.1/-1")], [(31, "ip", "1.2.3")],
    [(31, "ip", "x")], [(31, "ip", "127.0.0.0/16/8")], [(31, "ip", "127.0.0.256")], [(31, "ip", "")],
    [(31, "sasl", "u")], [(31, "sasl", "")], [(31, "sasl", "u@R")], [(31, "sasl", "u@R@S")], [(31, "x509", "CN=a")],
    [(31, "x509", "")], [(31, "x509", "garbage")], [(31, "super", "x")], [(31, "super", "")], [(31, "nope", "x")],
    [(31, "", "")], [(0, "world", "anyone")], [(99, "world", "anyone")], [(-1, "world", "anyone")],
    [(32, "world", "anyone")], [(31, "key", "x")], [(31, "ensemble", "x")], [(1, "world", "anyone"), (31, "nope", "x")],
    [(31, "world", "anyone"), (1, "world", "anyone")], [(1, "auth", "ignored"), (2, "world", "anyone")]]


def test_every_list(compare):
    def conversation(talk):
        def use(folder):
            talk.ask("a", CREATE, create(folder))
            for index, entries in enumerate(LISTS):
                path = f"{folder}/{index}"
                talk.ask("a", CREATE, create(path, b"", entries))
                if index < 6:
                    talk.ask("a", SET_ACL, set_acl(folder, entries))
                for name in ("a", "b"):
                    talk.ask(name, GET_ACL, buffer(path))
                for code, record in (
                        (GET_DATA, watched(path)), (SET_DATA, set_data(path)), (CREATE, create(f"{path}/x")),
                        (DELETE, numbered(f"{path}/x")), (SET_ACL, set_acl(path, OPEN))):
                    talk.ask("b", code, record)
            talk.ask("a", SET_ACL, set_acl(folder, OPEN))

        talk.open("a")
        talk.open("b")
        use("/nobody")
        talk.ask("a", AUTH, authentication("digest", "bob:secret"), xid=-4)
        talk.ask("a", WHO_AM_I)
        use("/bob")
        for _ in range(2):
            talk.ask("a", AUTH, authentication("digest", "al:pw"), xid=-4)
        talk.ask("a", WHO_AM_I)
        talk.ask("a", CREATE, create("/two", b"", [(31, "auth", "")]))
        for name in ("a", "b"):
            talk.ask(name, GET_ACL, buffer("/two"))
    compare(conversation)


def test_addresses_of_version_six(compare):
    def conversation(talk):
        talk.open("a")
        for index, address in enumerate(("::1", "::1/64")):
            path = f"/six-{index}"
            talk.ask("a", CREATE, create(path, b"", [(31, "ip", address)]), differs=(path, "3.8 reads no IPv6"))
    compare(conversation)


def test_every_permission(compare):
    def conversation(talk):
        talk.open("a")
        talk.open("b")
        talk.ask("a", AUTH, authentication("digest", "bob:secret"), xid=-4)
        for permission in (1, 2, 4, 8, 16):
            path = f"/may-{permission}"
            talk.ask("a", CREATE, create(path, b"", [(permission, "world", "anyone"), (31, "digest", BOB)]))
            talk.ask("a", CREATE, create(f"{path}/kid"))
            for code in (EXISTS, GET_DATA, GET_CHILDREN, GET_CHILDREN2):
                talk.ask("b", code, watched(path))
            for code, record in (
                    (GET_ACL, buffer(path)), (SET_DATA, set_data(path)), (SET_DATA, set_data(path, b"", 77)),
                    (CREATE, create(f"{path}/x")), (CREATE, create(f"{path}/kid")), (DELETE, numbered(f"{path}/kid", 7)),
                    (DELETE, numbered(f"{path}/no")), (DELETE, numbered(f"{path}/kid")),
                    (SET_ACL, set_acl(path, OPEN, 77)), (GET_ALL_CHILDREN_NUMBER, buffer(path)), (SYNC, buffer(path)),
                    (ADD_WATCH, numbered(path, 0)), (MULTI, multi((CHECK, numbered(path, 0)))),
                    (MULTI_READ, multi((GET_DATA, watched(path)), (GET_CHILDREN, watched(path))))):
                talk.ask("b", code, record)
    compare(conversation)


def test_every_way_to_authenticate(compare):
    def conversation(talk):
        for index, (scheme, credentials) in enumerate([
                ("digest", "nocolon"), ("digest", ":"), ("digest", "a:"), ("digest", ":b"), ("digest", ""),
                ("digest", "a:b:c"), ("ip", ""), ("ip", "x"), ("x509", "x"), ("world", "anyone"), ("super", "x"),
                ("nope", "x"), ("", ""), ("key", "x"), ("auth", "")]):
            name = f"client {index}"
            talk.open(name)
            talk.ask(name, AUTH, authentication(scheme, credentials), xid=-4)
            talk.ask(name, WHO_AM_I)
        talk.open("odd")
        talk.ask("odd", AUTH, authentication("digest", "bob:secret"), xid=17)
        talk.ask("odd", AUTH, int32(5) + buffer("digest") + buffer("x:y"), xid=3)
        talk.ask("odd", WHO_AM_I)
        for index, record in enumerate((int32(0) + buffer("digest"), int32(0) + int32(-1) * 2)):
            name = f"broken {index}"
            talk.open(name)
            talk.ask(name, AUTH, record, xid=-4)
            talk.ended(name)
    compare(conversation)
