"""Apache's Java clients on three brokers of which one is killed."""

import pytest

from java_clients import kafka, listed, partition, poll_until, record, result
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
