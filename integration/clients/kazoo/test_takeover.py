"""A coordinator takes the place of Apache ZooKeeper, on its data directory."""

import hashlib
import pathlib

import pytest

from martlet import eventually
from servers import Coordinator
from znode_dump import dump, populate


def digests(directory):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


@pytest.mark.parametrize("method", ["", "gz", "snappy"])
def test_clients_go_on_where_apache_zookeeper_was_killed(stage, method):
    apache = stage.coordinator(
        apache=True, snapCount=40, preAllocSize=64, extendedTypesEnabled="true",
        **{"snapshot.compression.method": method} if method else {}).start()
    clients = populate(apache.address)
    client, other = clients
    sessions = [client.client_id[0] for client in clients]
    before = dump(client)
    states = []
    client.add_listener(states.append)
    try:
        apache.kill()
        version = pathlib.Path(apache.directory) / "data" / "version-2"
        files = digests(version)
        ours = stage.add(Coordinator(apache.directory, clientPort=apache.port, extendedTypesEnabled="true"))
        ours.port = apache.port
        ours.start()
        eventually(lambda: all(client.connected for client in clients), "the clients connect again")
        # The sessions are those of before, with the passwords that Apache ZooKeeper gave.
        assert [client.client_id[0] for client in clients] == sessions
        assert "LOST" not in states
        assert dump(client) == before
        assert digests(version) == files
        # Life goes on: numbers follow, sessions own their nodes.
        assert client.create("/queue/item-", b"", sequence=True) == "/queue/item-0000000012"
        other.stop()
        eventually(lambda: client.exists("/live/second") is None, "the node of the other session goes")
        assert client.exists("/live/first")
        after = dump(client)
        ours.kill()
        ours.start()
        eventually(lambda: client.connected, "the client connects again")
        assert dump(client) == after
        assert ours.log().count("took over Apache ZooKeeper's") == 1
    finally:
        for client in clients:
            client.stop()
            client.close()
