"""Records of Apache's Java producer, as its consumer reads them."""

import time

import pytest

from java_clients import error, kafka, listed, mapped, millis, partition, poll_until, record, result


@pytest.fixture
def made(admin, topic):
    result(admin.createTopics(listed(kafka("clients.admin.NewTopic")(topic, 1, 1))).all())
    return topic


@pytest.fixture
def reader(java, access, made):
    consumer = java.consumer(access)
    consumer.assign(listed(partition(made)))
    return consumer


def read(consumer, count):
    [records] = poll_until([consumer], lambda came: len(came[0]) >= count, f"{count} records are read")
    return records


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec_brings_back_what_was_sent(java, access, made, reader, codec):
    producer = java.producer(access, **{"compression.type": codec, "linger.ms": 20})
    sent = [producer.send(record(made, f"key {n}", f"value of {n} " * 20)) for n in range(500)]
    assert [result(one).offset() for one in sent] == list(range(500))
    assert [(one.key(), one.value()) for one in read(reader, 500)] == [
        (f"key {n}", f"value of {n} " * 20) for n in range(500)]


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_all_kinds_of_acknowledgement(java, access, made, reader, acks):
    producer = java.producer(access, **{"acks": acks, "enable.idempotence": False})
    told = [result(producer.send(record(made, None, str(n)))).offset() for n in range(20)]
    assert told == ([-1] * 20 if acks == "0" else list(range(20)))
    assert [one.value() for one in read(reader, 20)] == [str(n) for n in range(20)]


def test_headers_times_nulls_and_tombstones(java, access, made, reader):
    producer = java.producer(access)
    headers = [("a", b"1"), ("a", b"\x00\xff"), ("empty", b""), ("none", None)]
    sent = [
        record(made, None, None, timestamp=1_700_000_000_000), record(made, "k", None, timestamp=1_700_000_000_001),
        record(made, "", "", timestamp=1_700_000_000_002, headers=headers)]
    for one in sent:
        result(producer.send(one))
    came = read(reader, 3)
    assert [(one.key(), one.value(), one.timestamp()) for one in came] == [
        (None, None, 1_700_000_000_000), ("k", None, 1_700_000_000_001), ("", "", 1_700_000_000_002)]
    assert [
        (one.key(), None if one.value() is None else bytes(one.value())) for one in came[2].headers()] == [
            (name, content) for name, content in headers]


def test_large_records_and_those_that_are_too_large(java, access, made, reader):
    producer = java.producer(access, **{"max.request.size": 20_000_000, "buffer.memory": 50_000_000, "linger.ms": 50})
    sent = [producer.send(record(made, None, str(n) * 900_000)) for n in range(3)]
    for one in sent:
        result(one)
    assert [len(one.value()) for one in read(reader, 3)] == [900_000] * 3
    with pytest.raises(error("RecordTooLarge")):
        result(producer.send(record(made, None, "x" * 2_000_000)))
    assert result(producer.send(record(made, None, "after"))).offset() == 3


def test_transactions_are_refused_at_once_with_a_reason(java, access, made):
    producer = java.producer(access, **{"transactional.id": made})
    began = time.monotonic()
    with pytest.raises(kafka("common.KafkaException"), match="no transactions"):
        producer.initTransactions()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_positions_are_sought_paused_and_found_by_time(java, access, made, protocol):
    producer = java.producer(access)
    for n in range(20):
        result(producer.send(record(made, None, str(n), timestamp=1_700_000_000_000 + 1000 * n)))
    consumer = java.consumer(access, **{
        "group.id": f"group-{made}", "group.protocol": protocol, "max.poll.records": 5,
        "isolation.level": "read_committed"})
    place = partition(made)
    assert consumer.beginningOffsets(listed(place))[place] == 0
    assert consumer.endOffsets(listed(place))[place] == 20
    found = consumer.offsetsForTimes(mapped({place: 1_700_000_007_500}))[place]
    assert (found.offset(), found.timestamp()) == (8, 1_700_000_008_000)
    assert consumer.offsetsForTimes(mapped({place: 1_800_000_000_000}))[place] is None

    consumer.assign(listed(place))
    consumer.seek(place, 15)
    assert [one.value() for one in read(consumer, 5)] == ["15", "16", "17", "18", "19"]
    consumer.seekToBeginning(listed(place))
    consumer.pause(listed(place))
    assert consumer.poll(millis(300)).count() == 0
    consumer.resume(listed(place))
    assert [one.offset() for one in read(consumer, 20)] == list(range(20))
    consumer.seek(place, 1000)
    # Out of the range: from the beginning, as auto.offset.reset says.
    assert read(consumer, 1)[0].offset() == 0


def test_telemetry_that_nobody_gathers_holds_nobody_up(java, access, made):
    producer = java.producer(access, **{"enable.metrics.push": True})
    assert result(producer.send(record(made, None, "x"))).offset() == 0
    assert producer.clientInstanceId(millis(200)) is None
    assert result(producer.send(record(made, None, "y"))).offset() == 1


def test_records_that_were_deleted_are_gone(java, access, made, admin, reader):
    producer = java.producer(access)
    for n in range(10):
        result(producer.send(record(made, None, str(n), timestamp=1_700_000_000_000 + n)))
    place = partition(made)
    to_delete = kafka("clients.admin.RecordsToDelete")
    deleted = admin.deleteRecords(mapped({place: to_delete.beforeOffset(4)})).lowWatermarks()[place]
    assert result(deleted).lowWatermark() == 4
    with pytest.raises(error("OffsetOutOfRange")):
        result(admin.deleteRecords(mapped({place: to_delete.beforeOffset(400)})).all())
    OffsetSpec = kafka("clients.admin.OffsetSpec")

    def offset(spec):
        return result(admin.listOffsets(mapped({place: spec})).all())[place].offset()
    assert [offset(spec) for spec in (
        OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.maxTimestamp(), OffsetSpec.earliestLocal(),
        OffsetSpec.latestTiered(), OffsetSpec.forTimestamp(1_700_000_000_006))] == [4, 10, 9, 4, -1, 6]
    assert [one.value() for one in read(reader, 6)] == [str(n) for n in range(4, 10)]
