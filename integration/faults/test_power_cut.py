"""A machine of a cluster loses power: what its broker wrote and did not sync is gone when it comes back."""


import pytest
from confluent_kafka.admin import AdminClient

from load import PARTITIONS, Load, assert_all_arrived, assert_nothing_lost, read_all
from martlet import eventually

BOOT_MARK = "martlet.boot"


@pytest.fixture
def cluster_settings():
    # Sessions that outlive the restart: the tree still says who was in sync.
    return {"zookeeper_session_timeout_ms": 30_000}


def kill_at_once(cluster):
    """Ends all brokers before one can tell the tree of another's death."""
    for broker in cluster.brokers:
        broker.freeze()
    cluster.kill()


def forget_what_was_not_synced(broker, topic):
    """Segments that are written to are synced when they are full; none is here."""
    logs = list(broker.data.glob(f"{topic}-*/*.log"))
    assert len(logs) == PARTITIONS and all(log.stat().st_size for log in logs)
    for log in logs:
        log.write_bytes(b"")


def partitions(broker, topic):
    """As the broker has them."""
    metadata = AdminClient({"bootstrap.servers": broker.address}).list_topics(topic, timeout=10)
    return list(metadata.topics[topic].partitions.values())


def test_a_leader_that_lost_its_log_does_not_lead(cluster, topic, load, reader):
    load.wait_for(1000)
    first, *others = cluster.brokers
    kill_at_once(cluster)
    forget_what_was_not_synced(first, topic)
    (first.data / BOOT_MARK).write_text("of another boot\n")
    # Alone it could be made the leader of everything it is in sync in.
    first.start()
    assert all(one.isrs and first.id not in one.isrs for one in partitions(first, topic))
    assert "left the in-sync sets of" in first.log()
    for broker in others:
        broker.start()
    assert_nothing_lost(cluster, load, reader)


def use(broker, *directories):
    """From its next start on the broker has these data directories."""
    lines = broker.config.read_text().splitlines()
    others = [line for line in lines if not line.startswith("log.dirs")]
    broker.config.write_text("\n".join([*others, f"log.dirs={','.join(map(str, directories))}", ""]))


# A broker that has other directories than its last process waits for the end of that one's session.
@pytest.mark.parametrize("cluster_settings", [{}], ids=["short sessions"])
def test_an_old_directory_that_is_back_while_the_newer_one_is_out(cluster, topic, load, reader):
    load.wait_for(1000)
    first, *others = cluster.brokers
    old, newer = first.data, first.data.parent / "newer"
    assert first.stop() == 0
    use(first, newer)
    first.start()
    cluster.wait_until_in_sync(topic)
    load.wait_for(1000)
    kill_at_once(cluster)
    newer.rename(newer.parent / "away")
    newer.write_text("no directory")
    use(first, old, newer)
    # Alone it could be made the leader of everything, with logs that lack what was acknowledged since.
    first.start()
    assert all(one.isrs and first.id not in one.isrs for one in partitions(first, topic))
    for broker in others:
        broker.start()
    assert_nothing_lost(cluster, load, reader)


def test_a_killed_broker_stays_in_sync(cluster, topic, load, reader):
    load.wait_for(1000)
    first, *others = cluster.brokers
    kill_at_once(cluster)
    first.start()
    assert all(first.id in one.isrs for one in partitions(first, topic))
    assert "left the in-sync sets of" not in first.log()
    for broker in others:
        broker.start()
    assert_nothing_lost(cluster, load, reader)


def test_the_other_one_in_sync_stops_before_a_power_cut_is_known(cluster, topic):
    """It is in sync with a leader that is only believed to be alive, and has what that one is about to lose."""
    topic = f"{topic}-twice"
    cluster.create(topic, PARTITIONS, replicas=2)
    controller = cluster.controller()
    # One that is neither: the others may both be gone.
    partition = next(
        number for number, one in cluster.partitions(topic).items() if controller.id not in one.replicas)
    load = Load(cluster.address, topic, partitions=[partition], per_second=500)
    load.wait_for(1000)
    load.end()
    leader = cluster.leader(topic, partition)
    [other] = (cluster.broker(id) for id in cluster.partitions(topic)[partition].replicas if id != leader.id)
    # As a machine without power, its session goes on for a while.
    leader.freeze()
    assert other.stop() == 0
    leader.kill()
    [log] = leader.data.glob(f"{topic}-{partition}/*.log")
    assert log.stat().st_size
    log.write_bytes(b"")
    (leader.data / BOOT_MARK).write_text("of another boot\n")
    leader.start()

    def state():
        metadata = AdminClient({"bootstrap.servers": controller.address}).list_topics(topic, timeout=10)
        return metadata.topics[topic].partitions[partition]
    eventually(lambda: state().isrs == [other.id], "who has everything is the one that is in sync")
    assert state().leader == -1
    other.start()
    cluster.wait_until_in_sync(topic)
    assert_all_arrived(load, cluster.address, partitions=[partition])


def test_a_power_cut_that_is_overlooked_loses_records(cluster, topic, load):
    load.wait_for(1000)
    load.end()
    first, *others = cluster.brokers
    kill_at_once(cluster)
    forget_what_was_not_synced(first, topic)
    first.start()
    eventually(lambda: any(one.leader == first.id for one in partitions(first, topic)), "it leads")
    for broker in others:
        broker.start()
    # New leaders tell the end of their logs when they know it to be committed.
    found = eventually(lambda: read_all(cluster.address, topic), "everything can be read")
    assert any(len(found[partition]) < len(numbers) for partition, numbers in load.acknowledged.items())
