"""Records produced and consumed by kafka-python."""

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import MessageSizeTooLargeError

from martlet import DEADLINE


def produce(access, topic, records, **settings):
    """Sends keyword arguments of KafkaProducer.send to partition 0 and returns what was acknowledged."""
    producer = KafkaProducer(**access, **settings)
    try:
        sent = [producer.send(topic, partition=0, **record) for record in records]
        return [future.get(DEADLINE) for future in sent]
    finally:
        producer.close(timeout=DEADLINE)


def consume(access, topic, count, offset=0):
    """Reads count records of partition 0 from an offset."""
    consumer = KafkaConsumer(**access, consumer_timeout_ms=DEADLINE * 1000, enable_auto_commit=False)
    try:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), offset)
        return [next(consumer) for _ in range(count)]
    finally:
        consumer.close()


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_what_is_produced_is_consumed(access, topic, codec):
    values = [f"value {number} ".encode() * 20 for number in range(300)]
    acknowledged = produce(access, topic, [{"value": value} for value in values], compression_type=codec, linger_ms=20)
    assert [record.offset for record in acknowledged] == list(range(300))
    assert [record.value for record in consume(access, topic, 300)] == values


def test_headers_timestamps_and_nulls(access, topic):
    headers = [("trace", b"abc"), ("trace", b"def"), ("empty", b"")]
    produce(access, topic, [
        {"value": b"no key", "timestamp_ms": 1_700_000_000_001, "headers": headers},
        {"key": b"no value", "value": None, "timestamp_ms": 1_700_000_000_002},
        {"key": b"", "value": b"", "timestamp_ms": 1_700_000_000_003}])
    first, second, third = consume(access, topic, 3)
    assert (first.key, first.value, list(first.headers)) == (None, b"no key", headers)
    assert (second.key, second.value) == (b"no value", None)
    assert (third.key, third.value) == (b"", b"")
    assert [record.timestamp for record in (first, second, third)] == [1_700_000_000_000 + n for n in (1, 2, 3)]


def test_seek_and_offsets_for_times(access, topic):
    produce(access, topic, [
        {"value": str(number).encode(), "timestamp_ms": 1_700_000_000_000 + number * 1000} for number in range(50)])
    partition = TopicPartition(topic, 0)
    consumer = KafkaConsumer(**access, consumer_timeout_ms=DEADLINE * 1000, enable_auto_commit=False)
    try:
        found = consumer.offsets_for_times({partition: 1_700_000_019_500})[partition]
        assert (found.offset, found.timestamp) == (20, 1_700_000_020_000)
        assert consumer.offsets_for_times({partition: 1_800_000_000_000})[partition] is None
        assert consumer.beginning_offsets([partition]) == {partition: 0}
        assert consumer.end_offsets([partition]) == {partition: 50}
        consumer.assign([partition])
        for offset in (42, 7):
            consumer.seek(partition, offset)
            assert next(consumer).value == str(offset).encode()
        consumer.seek_to_end(partition)
        assert consumer.position(partition) == 50
    finally:
        consumer.close()


def test_idempotent_producer_keeps_order(access, topic):
    settings = {"enable_idempotence": True, "batch_size": 200, "linger_ms": 1}
    produce(access, topic, [{"value": str(number).encode()} for number in range(1000)], **settings)
    assert [int(record.value) for record in consume(access, topic, 1000)] == list(range(1000))


def test_records_of_all_partitions(access, topic):
    producer = KafkaProducer(**access)
    try:
        # The topic is made by the first record, with the partitions that the broker gives by default.
        producer.send(topic, partition=0, value=b"0").get(DEADLINE)
        partitions = producer.partitions_for(topic)
        assert partitions == {0, 1, 2}
        for partition in (1, 2):
            producer.send(topic, partition=partition, value=str(partition).encode()).get(DEADLINE)
    finally:
        producer.close(timeout=DEADLINE)
    consumer = KafkaConsumer(**access, consumer_timeout_ms=DEADLINE * 1000, auto_offset_reset="earliest",
                             enable_auto_commit=False)
    try:
        consumer.assign([TopicPartition(topic, partition) for partition in partitions])
        assert sorted(next(consumer).value for _ in range(3)) == [b"0", b"1", b"2"]
    finally:
        consumer.close()


def test_a_record_above_the_limit_is_refused(access, topic):
    with pytest.raises(MessageSizeTooLargeError):
        produce(access, topic, [{"value": b"x" * 2_000_000}], max_request_size=4_000_000)
