"""Apache's Java clients on three brokers of which one is killed."""

import pytest

from java_clients import kafka, listed, partition, poll_until, record, result
from martlet import eventually
from members import BRISK

PARTITIONS = 3


@pytest.fixture(scope="module")
def cluster(shared_stage, coordinator):
    return shared_stage.cluster(coordinator, 3, racks=["a", "b", "c"], **BRISK).start()


@pytest.fixture
def access(cluster):
    return {"bootstrap.servers": cluster.address, "reconnect.backoff.max.ms": 500}


def test_an_idempotent_producer_loses_and_doubles_nothing(java, cluster, access, topic):
    cluster.create(topic, PARTITIONS)
    producer = java.producer(access, **{
        "enable.idempotence": True, "acks": "all", "linger.ms": 2, "batch.size": 2000, "request.timeout.ms": 5000})
    sent = [producer.send(record(topic, None, str(n), at=n % PARTITIONS)) for n in range(1500)]
    victim = cluster.leader(topic)
    result(sent[300])
    victim.kill()
    sent += [producer.send(record(topic, None, str(n), at=n % PARTITIONS)) for n in range(1500, 3000)]
    told = [result(one) for one in sent]
    assert [one.offset() for one in told] == [n // PARTITIONS for n in range(3000)]

    reader = java.consumer(access, **{"client.rack": "b"})
    reader.assign(listed(*(partition(topic, number) for number in range(PARTITIONS))))
    [records] = poll_until([reader], lambda came: len(came[0]) >= 3000, "all is read")
    found = {number: [int(one.value()) for one in records if one.partition() == number] for number in range(PARTITIONS)}
    assert found == {number: list(range(number, 3000, PARTITIONS)) for number in range(PARTITIONS)}
    victim.start()
    cluster.wait_until_in_sync(topic)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_what_was_committed_outlives_the_group_s_coordinator(java, cluster, access, topic, protocol):
    cluster.create(topic, PARTITIONS)
    producer = java.producer(access)
    for one in [producer.send(record(topic, None, str(n), at=n % PARTITIONS)) for n in range(300)]:
        result(one)

    def consumer():
        made = java.consumer(access, **{"group.id": topic, "group.protocol": protocol, "max.poll.records": 50})
        made.subscribe(listed(topic))
        return made
    first = consumer()
    [read] = poll_until([first], lambda came: len(came[0]) >= 100, "some are read")
    first.commitSync()
    # A call of Admin's that was meant for a broker which is gone waits for that one until the call's time is over.
    admin = java.admin(access, **{"default.api.timeout.ms": 5000, "request.timeout.ms": 2000})

    def committed():
        told = result(admin.listConsumerGroupOffsets(topic).partitionsToOffsetAndMetadata())
        return {place.partition(): one.offset() for place, one in told.items()}
    before = committed()
    assert sum(before.values()) == len(read)
    cluster.wait_until_in_sync("__consumer_offsets")
    victim = cluster.broker(result(admin.describeConsumerGroups(listed(topic)).all())[topic].coordinator().id())
    victim.kill()
    # The same member goes on by the next coordinator.
    [more] = poll_until([first], lambda came: len(came[0]) >= 50, "the member goes on")
    eventually(lambda: committed() == before, "what was committed is told by the next coordinator")
    first.commitSync()
    first.close()
    second = consumer()
    [rest] = poll_until([second], lambda came: len(came[0]) >= 300 - len(read + more), "the rest is read")
    assert sorted(int(one.value()) for one in read + more + rest) == list(range(300))
    victim.start()
    cluster.wait_until_in_sync(topic)
