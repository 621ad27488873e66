"""A coordinator whose disk is full: it refuses changes, goes on with everything else, and recovers by itself."""

import os
import resource
import time

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import OperationTimeoutError

from disks import fill, small_disk
from martlet import DEADLINE, eventually

OUT_OF_ROOM = "the disk has no room for more changes"
ROOM_AGAIN = "the disk has room again"


@pytest.fixture
def small(tmp_path):
    with small_disk(tmp_path) as path:
        yield path


@pytest.fixture
def clients():
    """Connects clients, and ends them with the test."""
    connected = []
    def connect(coordinator):
        client = KazooClient(hosts=coordinator.address, timeout=4)
        client.start(timeout=DEADLINE)
        connected.append(client)
        return client
    yield connect
    for client in connected:
        client.stop()
        client.close()


def write_until_refused(client, prefix):
    """Returns the names of what was acknowledged."""
    created = []
    while True:
        try:
            client.create(f"/{prefix}-{len(created)}", bytes(10_000))
        except OperationTimeoutError:
            return created
        created.append(f"{prefix}-{len(created)}")


def test_a_full_disk_and_room_again(stage, small, clients):
    coordinator = stage.coordinator(dataDir=small, preAllocSize=1024).start()
    client, other = clients(coordinator), clients(coordinator)
    client.create("/own", ephemeral=True)
    other.create("/others", ephemeral=True)
    fill(small / "ballast")
    created = write_until_refused(client, "first")
    # Longer than the sessions' timeout: their clients are there, and theirs stays.
    until = time.monotonic() + 6
    while time.monotonic() < until:
        assert client.exists("/own").ephemeralOwner == client.client_id[0]
        assert client.exists("/others")
        with pytest.raises(OperationTimeoutError):
            client.set("/own", b"refused")
        time.sleep(0.2)
    assert client.connected and other.connected
    assert coordinator.log().count(OUT_OF_ROOM) == 1, coordinator.tail()
    os.remove(small / "ballast")
    coordinator.wait_for_log(ROOM_AGAIN)
    client.set("/own", b"accepted")
    other.stop()
    eventually(lambda: not client.exists("/others"), "the other session has ended")
    coordinator.kill()
    coordinator.start()
    children = client.retry(client.get_children, "/")
    assert set(created) <= set(children)
    assert client.retry(client.get, "/own")[0] == b"accepted"


def test_a_start_on_a_full_disk(stage, small, clients):
    coordinator = stage.coordinator(dataDir=small, preAllocSize=1024).start()
    client = clients(coordinator)
    created = write_until_refused(client, "first")
    coordinator.kill()
    # A start gives back what the log had kept for itself.
    coordinator.start()
    coordinator.kill()
    fill(small / "ballast")
    coordinator.start()
    coordinator.wait_for_log(OUT_OF_ROOM, count=2)
    # The session goes on, and reads are answered.
    assert set(created) <= set(client.retry(client.get_children, "/"))
    with pytest.raises(OperationTimeoutError):
        client.create("/refused")
    os.remove(small / "ballast")
    eventually(lambda: ROOM_AGAIN in coordinator.log(), "there is room again")
    client.retry(client.create, "/accepted")


def test_a_limit_on_the_size_of_files(stage, clients):
    coordinator = stage.coordinator(preAllocSize=64).start()
    limit = 1 << 20
    resource.prlimit(coordinator.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
    client = clients(coordinator)
    created = [client.create(f"/n-{number}", bytes(10_000)).lstrip("/") for number in range(300)]
    assert OUT_OF_ROOM not in coordinator.log()
    logs = [name for name in os.listdir(coordinator.directory / "data") if name.startswith("log.")]
    assert len(logs) >= 3
    coordinator.kill()
    coordinator.start()
    assert set(created) <= set(client.retry(client.get_children, "/"))
