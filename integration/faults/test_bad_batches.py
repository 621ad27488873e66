"""Batches that are not what they claim to be: Apache's error code, and nothing is written."""

import time

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec
from kafka.errors import CorruptRecordError, InvalidTimestampError

from kafka_wire import (
    ATTRIBUTES, BASE_OFFSET, COUNT, CRC, LAST_OFFSET_DELTA, LENGTH, MAGIC, MAX_TIMESTAMP, RECORDS, VERSION, Wire,
    altered, batch)
from martlet import DEADLINE

CORRUPT = CorruptRecordError.errno
INVALID_RECORD = 87
INVALID_TIMESTAMP = InvalidTimestampError.errno
ONLY = f"Produce requests with version {VERSION} are only allowed to contain"
SOUND = batch([b"x", b"y"])


@pytest.fixture(scope="module")
def topics(broker):
    """A topic without limits, one that limits timestamps, and one that needs keys."""
    admin = AdminClient({"bootstrap.servers": broker.address})
    configs = {
        "plain": {}, "punctual": {"message.timestamp.after.max.ms": "60000"}, "compacted": {"cleanup.policy": "compact"}}
    for made in admin.create_topics([NewTopic(name, 1, 1, config=config) for name, config in configs.items()]).values():
        made.result(DEADLINE)
    return admin


def end(admin, topic):
    place = TopicPartition(topic, 0)
    return admin.list_offsets({place: OffsetSpec.latest()})[place].result(DEADLINE).offset


@pytest.fixture
def refuse(broker, topics):
    """Sends a batch, and sees that nothing is written and that the next sound one is."""
    def refuse(records, topic="plain"):
        before = end(topics, topic)
        with Wire(broker) as wire:
            code, offset, errors, message = wire.produce(topic, records)
            assert code != 0 and offset == -1 and end(topics, topic) == before
            assert wire.produce(topic, SOUND)[:2] == (0, before)
        assert broker.is_running
        return code, errors, message
    return refuse


@pytest.mark.parametrize(("records", "code"), [
    (altered(SOUND, (CRC, "I", 1), renewing=False), CORRUPT),
    (altered(SOUND, (RECORDS + 9, "B", 0), renewing=False), CORRUPT),
    (altered(SOUND, (MAGIC, "b", 3)), CORRUPT),
    (altered(SOUND, (MAGIC, "b", -1)), CORRUPT),
    (altered(SOUND, (MAGIC, "b", 1)), INVALID_RECORD),
    (altered(SOUND, (LENGTH, "i", 5)), CORRUPT),
    (altered(SOUND, (LENGTH, "i", 1 << 30)), CORRUPT),
    (SOUND[:-1], CORRUPT),
    (altered(SOUND, (BASE_OFFSET, "q", 5)), INVALID_RECORD),
    (altered(SOUND, (BASE_OFFSET, "q", -1)), INVALID_RECORD),
    (altered(SOUND, (LAST_OFFSET_DELTA, "i", 7)), INVALID_RECORD),
    (altered(SOUND, (COUNT, "i", 1)), INVALID_RECORD),
    (altered(SOUND, (COUNT, "i", 1), (LAST_OFFSET_DELTA, "i", 0)), INVALID_RECORD),
    (altered(SOUND, (COUNT, "i", 900), (LAST_OFFSET_DELTA, "i", 899)), INVALID_RECORD),
    (altered(SOUND, (COUNT, "i", -1), (LAST_OFFSET_DELTA, "i", -2)), INVALID_RECORD),
    (altered(SOUND, (ATTRIBUTES, "h", 0x20)), INVALID_RECORD),
    (b"", INVALID_RECORD),
], ids=[
    "checksum", "content", "magic 3", "magic -1", "magic 1", "short length", "huge length", "cut short", "offset 5",
    "offset -1", "last offset", "count", "count too small", "count too large", "negative count", "control batch", "nothing"])
def test_forged(refuse, records, code):
    assert refuse(records)[0] == code


def test_two_batches(refuse):
    assert refuse(SOUND + SOUND) == (INVALID_RECORD, [], f"{ONLY} exactly one record batch per partition")


def test_timestamps_from_the_future(refuse):
    now = int(time.time() * 1000)
    late = batch([b"x", b"y"], now + 3_600_000)
    for records in (late, altered(late, (MAX_TIMESTAMP, "q", now))):
        code, errors, message = refuse(records, "punctual")
        assert code == INVALID_TIMESTAMP
        assert message == "One or more records have been rejected due to invalid timestamp"
        assert [place for place, _ in errors] == [0, 1]
        assert errors[1][1].startswith(f"Timestamp {now + 3_600_001} of message with offset 1 is out of range. ")


def test_records_without_keys_for_a_compacted_topic(refuse):
    code, errors, _ = refuse(batch([b"x"], key=None), "compacted")
    assert (code, errors) == (INVALID_RECORD, [(0, "Compacted topic cannot accept message without key")])
