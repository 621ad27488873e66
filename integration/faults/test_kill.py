"""Brokers and coordinators that are killed under load, and brokers on Apache ZooKeeper."""

import threading

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

from load import Load, assert_all_arrived
from martlet import DEADLINE


def test_broker_killed_under_load(stage, topic):
    coordinator = stage.coordinator().start()
    broker = stage.broker(coordinator).start()
    load = Load(broker.address, topic)
    for _ in range(3):
        load.wait_for(3000)
        broker.kill()
        broker.start()
    load.wait_for(3000)
    load.end()
    assert_all_arrived(load, broker.address)
    assert broker.stop() == 0


def test_coordinator_killed_under_load(stage, topic):
    coordinator = stage.coordinator().start()
    broker = stage.broker(coordinator).start()
    load = Load(broker.address, topic)
    for _ in range(3):
        load.wait_for(3000)
        coordinator.kill()
        # Records flow on without a coordinator, at least for the session's time.
        load.wait_for(300)
        coordinator.start()
    load.wait_for(3000)
    load.end()
    assert_all_arrived(load, broker.address)


def test_the_coordinators_answers_survive_its_death(stage):
    coordinator = stage.coordinator().start()
    client = KazooClient(hosts=coordinator.address, timeout=20)
    client.start(timeout=DEADLINE)
    try:
        client.create("/kept")
        client.create("/kept/session", ephemeral=True)
        created, enough = [], threading.Event()

        def write():
            number = 0
            while True:
                try:
                    client.create(f"/kept/{number}", b"x")
                except KazooException:
                    return
                created.append(number)
                number += 1
                if number == 500:
                    enough.set()
        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        assert enough.wait(DEADLINE)
        coordinator.kill()
        writer.join(DEADLINE)
        assert not writer.is_alive()
        coordinator.start()
        children = client.retry(client.get_children, "/kept")
        # What was under way at the end may or may not be there; what was answered is.
        assert set(map(str, created)) <= set(children)
        assert len(children) <= len(created) + 2
        assert client.retry(client.exists, "/kept/session").ephemeralOwner == client.client_id[0]
    finally:
        client.stop()


def test_broker_on_apache_zookeeper(stage, topic):
    zookeeper = stage.coordinator(apache=True).start()
    broker = stage.broker(zookeeper).start()
    load = Load(broker.address, topic)
    load.wait_for(2000)
    broker.kill()
    broker.start()
    load.wait_for(2000)
    zookeeper.kill()
    load.wait_for(300)
    zookeeper.start()
    load.wait_for(2000)
    load.end()
    assert_all_arrived(load, broker.address)
    assert broker.stop() == 0
