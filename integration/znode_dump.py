"""A tree with one of everything that ZooKeeper keeps, and what a client sees of it."""

import struct

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.protocol.serialization import Create
from kazoo.security import ACL, Id, make_acl, make_digest_acl

from martlet import DEADLINE

OPEN = [make_acl("world", "anyone", all=True)]


class CreateContainer(Create):
    type = 19


class CreateTTL(Create):
    """A node that lives for an hour without change."""

    type = 21

    def serialize(self):
        return super().serialize() + struct.pack(">q", 3_600_000)


def _create(client, request):
    answer = client.handler.async_result()
    client._call(request, answer)
    answer.get(timeout=DEADLINE)


def connect(hosts, **settings):
    client = KazooClient(hosts=hosts, timeout=30, **settings)
    client.start(timeout=DEADLINE)
    return client


def populate(hosts):
    """Makes the tree. Returns the clients whose sessions own nodes of it."""
    client, other, gone = connect(hosts), connect(hosts), connect(hosts)
    # Who may administer a node sees its list whole.
    client.add_auth("digest", "alice:secret")
    client.create("/plain", b"one")
    client.set("/plain", b"two")
    client.set("/plain", b"three", version=1)
    client.create("/null", None)
    client.create("/empty", b"")
    client.create("/binary", bytes(range(256)))
    client.create("/deep/er/and/deeper", b"down here", makepath=True)
    # Two spellings of one letter are two names.
    client.create("/caf\u00e9", b"composed")
    client.create("/cafe\u0301", b"decomposed")
    client.create("/digest", b"", acl=[make_digest_acl("alice", "secret", all=True), make_acl("world", "anyone", read=True)])
    client.create("/address", b"", acl=[ACL(31, Id("ip", "127.0.0.0/8"))])
    client.create("/relisted", b"", acl=OPEN)
    client.set_acls("/relisted", [make_acl("world", "anyone", read=True, admin=True, write=True)])
    client.set_acls("/relisted", [make_acl("world", "anyone", read=True, admin=True)])
    client.create("/queue", b"")
    for number in range(12):
        client.create("/queue/item-", b"%d" % number, sequence=True)
    for number in (0, 3, 11):
        client.delete(f"/queue/item-{number:010}")
    client.create("/live", b"")
    client.create("/live/first", b"of client", ephemeral=True)
    client.create("/live/numbered-", b"", ephemeral=True, sequence=True)
    other.create("/live/second", b"of other", ephemeral=True)
    gone.create("/live/third", b"of gone", ephemeral=True)
    gone.stop()
    gone.close()
    _create(client, CreateContainer("/container", b"holds", OPEN, 4))
    client.create("/container/child", b"")
    _create(client, CreateContainer("/unused", b"", OPEN, 4))
    _create(client, CreateTTL("/passing", b"for an hour", OPEN, 5))
    _create(client, CreateTTL("/passing/by-", b"", OPEN, 6))
    several = client.transaction()
    several.create("/several", b"")
    several.create("/several/a", b"a")
    several.create("/several/b", b"b", ephemeral=True)
    several.set_data("/several/a", b"aa")
    several.delete("/several/a")
    several.check("/several", 0)
    several.commit()
    nothing = client.transaction()
    nothing.create("/several/c", b"")
    nothing.check("/several", 7)
    nothing.commit()
    for attempt in (lambda: client.create("/plain"), lambda: client.delete("/none"), lambda: client.set("/plain", b"", 99)):
        try:
            attempt()
        except KazooException:
            continue
        raise AssertionError("an attempt that must fail did not")
    client.create("/limited", b"")
    client.create("/zookeeper/quota/limited/zookeeper_limits", b"count=100,bytes=1000", makepath=True)
    client.create("/zookeeper/quota/limited/zookeeper_stats", b"count=0,bytes=0")
    client.create("/limited/used", b"12345")
    client.create("/churn", b"")
    for number in range(15):
        client.create(f"/churn/{number % 4}", b"%d" % number)
        client.set("/churn", b"%d" % number)
        client.delete(f"/churn/{number % 4}")
    return client, other


def dump(client, path="/"):
    """What a client sees of every node, as values of JSON by path."""
    data, stat = client.get(path)
    found = {
        path: {
            "data": None if data is None else data.hex(), "czxid": stat.czxid, "mzxid": stat.mzxid,
            "pzxid": stat.pzxid, "ctime": stat.ctime, "mtime": stat.mtime, "version": stat.version,
            "cversion": stat.cversion, "aversion": stat.aversion, "owner": stat.ephemeralOwner,
            "children": stat.numChildren,
            "acl": [[acl.perms, acl.id.scheme, acl.id.id] for acl in client.get_acls(path)[0]]}}
    for child in sorted(client.get_children(path)):
        found |= dump(client, f"{path.rstrip('/')}/{child}")
    return found
