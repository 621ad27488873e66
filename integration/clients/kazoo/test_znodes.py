"""Znodes, sessions, watches, transactions and access through kazoo."""

import socket
import struct
import threading

import pytest
from kazoo.exceptions import (
    BadVersionError, NoAuthError, NoChildrenForEphemeralsError, NodeExistsError,
    NoNodeError, NotEmptyError, RolledBackError, RuntimeInconsistency)
from kazoo.security import make_digest_acl

from martlet import DEADLINE, eventually


def test_create_read_change_delete(client, path):
    assert client.create(path, b"first") == path
    data, stat = client.get(path)
    assert (data, stat.version, stat.numChildren, stat.dataLength) == (b"first", 0, 0, 5)
    assert client.set(path, b"second!", version=0).version == 1
    assert client.get(path)[0] == b"second!"
    client.create(f"{path}/child")
    assert client.get_children(path) == ["child"]
    assert client.exists(path).numChildren == 1
    client.delete(f"{path}/child")
    client.delete(path, version=1)
    assert client.exists(path) is None


def test_refusals(client, path):
    with pytest.raises(NoNodeError):
        client.get(path)
    with pytest.raises(NoNodeError):
        client.create(f"{path}/deep", b"")
    client.create(path)
    with pytest.raises(NodeExistsError):
        client.create(path)
    with pytest.raises(BadVersionError):
        client.set(path, b"x", version=7)
    client.create(f"{path}/child", ephemeral=True)
    with pytest.raises(NotEmptyError):
        client.delete(path)
    with pytest.raises(NoChildrenForEphemeralsError):
        client.create(f"{path}/child/below")


def test_sequential_names_count_up(client, path):
    client.create(path)
    names = [client.create(f"{path}/n-", sequence=True) for _ in range(3)]
    assert names == [f"{path}/n-{number:010d}" for number in range(3)]
    client.delete(names[-1])
    assert client.create(f"{path}/n-", sequence=True, ephemeral=True) == f"{path}/n-{3:010d}"


def test_ephemerals_end_with_their_session(connect, client, path):
    owner = connect()
    owner.create(path, ephemeral=True)
    client.sync(path)
    assert client.exists(path).ephemeralOwner == owner.client_id[0]
    owner.stop()
    eventually(lambda: client.exists(path) is None, "the ephemeral znode goes")


def test_a_session_that_is_silent_expires(coordinator, client, path):
    def exchange(connection, body):
        connection.sendall(struct.pack(">i", len(body)) + body)
        [length] = struct.unpack(">i", connection.recv(4, socket.MSG_WAITALL))
        return connection.recv(length, socket.MSG_WAITALL)

    def text(value):
        return struct.pack(">i", len(value)) + value.encode()

    # By hand, since clients ping without being asked.
    with socket.create_connection(("127.0.0.1", coordinator.port), DEADLINE) as silent:
        opened = exchange(silent, struct.pack(">iqiqi16sb", 0, 0, 1500, 0, 16, bytes(16), 0))
        timeout, session = struct.unpack_from(">iq", opened, 4)
        assert timeout == 1500
        exchange(silent, struct.pack(">ii", 1, 1) + text(path) + text("") + struct.pack(">ii", 1, 31) + text("world")
                 + text("anyone") + struct.pack(">i", 1))
        gone = threading.Event()
        client.sync(path)
        assert client.exists(path, watch=lambda _: gone.set()).ephemeralOwner == session
        assert gone.wait(DEADLINE)
        assert client.exists(path) is None
        # The coordinator ends the connection, too.
        assert silent.recv(1) == b""


def test_watches_fire_once_and_in_order(connect, client, path):
    client.create(path)
    seen = []
    other = connect()
    other.sync(path)
    other.get(path, watch=lambda event: seen.append(("data", event.type)))
    other.get_children(path, watch=lambda event: seen.append(("children", event.type)))
    other.exists(f"{path}/child", watch=lambda event: seen.append(("exists", event.type)))
    client.set(path, b"1")
    client.set(path, b"2")
    client.create(f"{path}/child")
    client.delete(f"{path}/child")
    # Watches come before the answer to what was asked after the change.
    other.sync(path)
    eventually(lambda: len(seen) == 3, "three watches fire")
    assert seen[0] == ("data", "CHANGED")
    assert set(seen[1:]) == {("children", "CHILD"), ("exists", "CREATED")}


def test_a_transaction_is_all_or_nothing(client, path):
    client.create(path, b"0")
    transaction = client.transaction()
    transaction.check(path, version=0)
    transaction.create(f"{path}/a", b"a")
    transaction.set_data(path, b"1")
    transaction.create(f"{path}/b-", sequence=True)
    results = transaction.commit()
    assert results[0] is True and results[1] == f"{path}/a" and results[2].version == 1
    assert sorted(client.get_children(path)) == ["a", "b-0000000001"]

    transaction = client.transaction()
    transaction.create(f"{path}/c")
    transaction.delete(f"{path}/a")
    transaction.check(path, version=0)
    transaction.set_data(path, b"2")
    results = transaction.commit()
    assert [type(result) for result in results] == [
        RolledBackError, RolledBackError, BadVersionError, RuntimeInconsistency]
    assert client.get(path)[0] == b"1"
    assert sorted(client.get_children(path)) == ["a", "b-0000000001"]


def test_digest_acl(connect, client, path):
    acl = make_digest_acl("user", "secret", all=True)
    client.create(path, b"hidden", acl=[acl])
    with pytest.raises(NoAuthError):
        client.get(path)
    owner = connect(auth_data=[("digest", "user:secret")])
    owner.sync(path)
    assert owner.get(path)[0] == b"hidden"
    assert owner.get_acls(path)[0] == [acl]
    stranger = connect(auth_data=[("digest", "user:wrong")])
    with pytest.raises(NoAuthError):
        stranger.set(path, b"x")


def test_a_large_znode(client, path):
    data = bytes(range(256)) * 3900
    client.create(path, data)
    assert client.get(path)[0] == data


def test_a_session_moves_to_a_new_connection(client, path):
    client.create(path, ephemeral=True)
    session = client.client_id
    lost = threading.Event()
    client.add_listener(lambda state: lost.set() if state == "SUSPENDED" else None)
    client._connection._socket.shutdown(2)
    assert lost.wait(DEADLINE)
    assert client.retry(client.exists, path).ephemeralOwner == session[0]
    assert client.client_id == session


def test_a_chroot(connect, client, path):
    client.create(path)
    inside = connect()
    inside.chroot = path
    inside.create("/inner", b"x")
    client.sync(path)
    assert client.get(f"{path}/inner")[0] == b"x"
