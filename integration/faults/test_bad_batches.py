"""Batches that are not what they claim to be: Apache's error code, and nothing is written."""

import gzip
import time

import pytest
import snappy
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec
from kafka.errors import CorruptRecordError, InvalidTimestampError, MessageSizeTooLargeError

from kafka_wire import (
    ATTRIBUTES, BASE_OFFSET, CODECS, COUNT, CRC, LAST_OFFSET_DELTA, LENGTH, MAGIC, MAX_TIMESTAMP, RECORDS, VERSION,
    Wire, altered, batch, compressed)
from martlet import DEADLINE

CORRUPT = CorruptRecordError.errno
TOO_LARGE = MessageSizeTooLargeError.errno
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


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("forge", [
    lambda codec: altered(compressed(SOUND, codec), (COUNT, "i", 1), (LAST_OFFSET_DELTA, "i", 0)),
    lambda codec: altered(compressed(SOUND, codec), (COUNT, "i", 900), (LAST_OFFSET_DELTA, "i", 899)),
    lambda codec: compressed(SOUND, codec, bytes(SOUND[RECORDS:])),
    lambda codec: compressed(SOUND, codec, b""),
    lambda codec: compressed(SOUND, codec, CODECS[codec](bytes(SOUND[RECORDS:]))[:-1]),
    lambda codec: compressed(SOUND, codec, CODECS[codec](bytes(SOUND[RECORDS:])) + b"?"),
    lambda codec: compressed(SOUND[:-1], codec),
    lambda codec: compressed(SOUND + b"\0", codec),
    # The length of the first record, and that of its key.
    lambda codec: compressed(altered(SOUND, (RECORDS, "B", SOUND[RECORDS] + 2)), codec),
    lambda codec: compressed(altered(SOUND, (RECORDS + 4, "B", 40)), codec),
], ids=[
    "count too small", "count too large", "not compressed", "nothing", "cut stream", "longer stream", "cut records",
    "more than records", "record length", "key length"])
def test_forged_inside_compression(refuse, codec, forge):
    assert refuse(forge(codec))[0] == INVALID_RECORD


def test_raw_snappy(refuse):
    body = bytes(SOUND[RECORDS:])
    assert refuse(compressed(SOUND, 2, snappy.compress(body[:-1])))[0] == INVALID_RECORD
    assert refuse(compressed(SOUND, 2, snappy.compress(body)[:-1]))[0] == INVALID_RECORD


def test_a_bomb(refuse, broker):
    """A small batch of a record that would fill the memory."""
    zeros = gzip.compress(bytes(1 << 20))
    size = 600 << 20
    head = _varint(size + 11) + b"\0\0\0" + _varint(1) + b"k" + _varint(size)
    bomb = compressed(batch([b"x"]), 1, gzip.compress(head) + zeros * 600 + gzip.compress(b"\0"))
    assert len(bomb) < 1 << 20
    assert refuse(bomb)[0] == TOO_LARGE


def _varint(number):
    rest, coded = number << 1, b""
    while rest >= 0x80:
        coded += bytes([rest & 0x7f | 0x80])
        rest >>= 7
    return coded + bytes([rest])


@pytest.mark.parametrize("codec", [0, *CODECS])
def test_records_that_count_their_offsets_wrongly(broker, topics, codec):
    """They are taken, as Apache's brokers take them, and counted anew."""
    before = end(topics, "plain")
    # The offset of the second record is that of the first.
    one = SOUND[RECORDS] // 2 + 1
    forged = altered(SOUND, (RECORDS + one + 3, "B", 0))
    with Wire(broker) as wire:
        assert wire.produce("plain", compressed(forged, codec) if codec else forged)[:2] == (0, before)
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "none", "enable.auto.commit": False})
    consumer.assign([TopicPartition("plain", 0, before)])
    read = [consumer.poll(DEADLINE) for _ in range(2)]
    consumer.close()
    assert [(record.offset(), record.value()) for record in read] == [(before, b"x"), (before + 1, b"y")]


@pytest.mark.parametrize("codec", [0, *CODECS])
def test_the_largest_timestamp_is_that_of_the_records(broker, topics, codec):
    made = batch([b"x", b"y"], 1_800_000_000_000 + codec * 1000)
    lying = altered(compressed(made, codec) if codec else made, (MAX_TIMESTAMP, "q", 1 << 60))
    before = end(topics, "plain")
    with Wire(broker) as wire:
        assert wire.produce("plain", lying)[:2] == (0, before)
    place = TopicPartition("plain", 0)
    found = topics.list_offsets({place: OffsetSpec.max_timestamp()})[place].result(DEADLINE)
    assert found.timestamp == 1_800_000_000_001 + codec * 1000
    later = topics.list_offsets({place: OffsetSpec.for_timestamp(found.timestamp + 1)})[place].result(DEADLINE)
    assert later.offset == -1


@pytest.mark.parametrize("codec", [0, *CODECS])
def test_timestamps_from_the_future(refuse, codec):
    now = int(time.time() * 1000)
    late = batch([b"x", b"y"], now + 3_600_000)
    if codec:
        late = compressed(late, codec)
    for records in (late, altered(late, (MAX_TIMESTAMP, "q", now))):
        code, errors, message = refuse(records, "punctual")
        assert code == INVALID_TIMESTAMP
        assert message == "One or more records have been rejected due to invalid timestamp"
        assert [place for place, _ in errors] == [0, 1]
        assert errors[1][1].startswith(f"Timestamp {now + 3_600_001} of message with offset 1 is out of range. ")


@pytest.mark.parametrize("codec", [0, *CODECS])
def test_records_without_keys_for_a_compacted_topic(refuse, codec):
    keyless = batch([b"x"], key=None)
    code, errors, _ = refuse(compressed(keyless, codec) if codec else keyless, "compacted")
    assert (code, errors) == (INVALID_RECORD, [(0, "Compacted topic cannot accept message without key")])
