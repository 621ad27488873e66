"""Records produced and consumed by confluent-kafka (librdkafka)."""

import time

import confluent_kafka
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from martlet import DEADLINE


def produce(access, topic, records, partition=0, **settings):
    """Produces keyword arguments of Producer.produce and returns the messages acknowledged."""
    delivered, failures = [], []
    def on_delivery(error, message):
        (failures if error else delivered).append(error or message)
    producer = Producer(access | settings)
    for record in records:
        producer.produce(topic, partition=partition, on_delivery=on_delivery, **record)
    assert producer.flush(DEADLINE) == 0
    assert not failures
    return delivered


def consume(access, topic, count, partition=0, offset=0):
    """Reads count records of a partition from an offset, without a group's help."""
    consumer = Consumer(access | {"group.id": f"assigned-{topic}", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, offset)])
    messages, end = [], time.monotonic() + DEADLINE
    while len(messages) < count and time.monotonic() < end:
        for message in consumer.consume(count - len(messages), timeout=1):
            assert message.error() is None, message.error()
            messages.append(message)
    consumer.close()
    assert len(messages) == count
    return messages


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_what_is_produced_is_consumed(access, topic, codec):
    values = [f"value {number} ".encode() * 20 for number in range(500)]
    settings = {"compression.type": codec, "linger.ms": 20}
    produce(access, topic, [{"value": value} for value in values], **settings)
    messages = consume(access, topic, len(values))
    assert [message.value() for message in messages] == values
    assert [message.offset() for message in messages] == list(range(len(values)))


def test_headers_timestamps_and_nulls(access, topic):
    headers = [("trace", b"abc"), ("trace", b"def"), ("null", None), ("empty", b"")]
    produce(access, topic, [
        {"key": None, "value": b"no key", "timestamp": 1_700_000_000_001, "headers": headers},
        {"key": b"no value", "value": None, "timestamp": 1_700_000_000_002},
        {"key": b"", "value": b"", "timestamp": 1_700_000_000_003}])
    first, second, third = consume(access, topic, 3)
    assert (first.key(), first.value(), first.headers()) == (None, b"no key", headers)
    assert (second.key(), second.value()) == (b"no value", None)
    assert (third.key(), third.value()) == (b"", b"")
    assert [m.timestamp() for m in (first, second, third)] == [
        (confluent_kafka.TIMESTAMP_CREATE_TIME, 1_700_000_000_000 + number) for number in (1, 2, 3)]


def test_seek_and_offsets_for_times(access, topic):
    produce(access, topic, [
        {"value": str(number).encode(), "timestamp": 1_700_000_000_000 + number * 1000} for number in range(50)])
    consumer = Consumer(access | {"group.id": f"seeks-{topic}", "enable.auto.commit": False})
    [at_time] = consumer.offsets_for_times([TopicPartition(topic, 0, 1_700_000_019_500)], timeout=DEADLINE)
    assert at_time.offset == 20
    [beyond] = consumer.offsets_for_times([TopicPartition(topic, 0, 1_800_000_000_000)], timeout=DEADLINE)
    assert beyond.offset == confluent_kafka.OFFSET_END
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=DEADLINE) == (0, 50)
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert consumer.poll(DEADLINE).value() == b"0"
    consumer.seek(TopicPartition(topic, 0, 42))
    assert consumer.poll(DEADLINE).value() == b"42"
    consumer.close()


def test_an_offset_out_of_range_resets(access, topic):
    produce(access, topic, [{"value": b"only"}])
    consumer = Consumer(access | {"group.id": f"resets-{topic}", "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 1000)])
    assert consumer.poll(DEADLINE).offset() == 0
    consumer.close()


def test_idempotent_producer_keeps_order(access, topic):
    settings = {"enable.idempotence": True, "batch.num.messages": 7, "linger.ms": 1}
    produce(access, topic, [{"value": str(number).encode()} for number in range(2000)], **settings)
    messages = consume(access, topic, 2000)
    assert [int(message.value()) for message in messages] == list(range(2000))


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_each_kind_of_acknowledgement(access, topic, acks):
    delivered = produce(access, topic, [{"value": b"x" * 1000}] * 100, acks=acks)
    assert len(delivered) == 100
    if acks != "0":
        assert [message.offset() for message in delivered] == list(range(100))
    assert len(consume(access, topic, 100)) == 100


def test_a_record_near_the_limit(access, topic):
    big = bytes(range(256)) * 3900
    produce(access, topic, [{"value": big}], **{"message.max.bytes": 2_000_000})
    assert consume(access, topic, 1)[0].value() == big


def test_a_record_above_the_limit_is_refused(access, topic):
    refusals = []
    producer = Producer(access | {"message.max.bytes": 4_000_000})
    producer.produce(topic, b"x" * 2_000_000, partition=0, on_delivery=lambda error, _: refusals.append(error))
    producer.flush(DEADLINE)
    assert [error.code() for error in refusals] == [confluent_kafka.KafkaError.MSG_SIZE_TOO_LARGE]
