"""Records between clients of today and those that speak as before magic 2 (Kafka 0.9, 0.10) and before 2.1."""

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from martlet import DEADLINE

OLD = [(0, 9), (0, 10), (0, 11), (1, 0)]


def produce(access, topic, values, **settings):
    producer = KafkaProducer(**access, **settings)
    try:
        for future in [producer.send(topic, partition=0, key=b"k", value=value) for value in values]:
            future.get(DEADLINE)
    finally:
        producer.close(timeout=DEADLINE)


def consume(access, topic, count, **settings):
    consumer = KafkaConsumer(**access, consumer_timeout_ms=DEADLINE * 1000, enable_auto_commit=False, **settings)
    try:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), 0)
        return [next(consumer) for _ in range(count)]
    finally:
        consumer.close()


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4"])
@pytest.mark.parametrize("version", OLD, ids=lambda version: ".".join(map(str, version)))
def test_old_and_new_clients_read_each_other(access, topic, version, codec):
    old = [f"old {number} ".encode() * 10 for number in range(50)]
    new = [f"new {number} ".encode() * 10 for number in range(50)]
    produce(access, topic, old, api_version=version, compression_type=codec, linger_ms=20)
    produce(access, topic, new, compression_type=codec, linger_ms=20)
    for settings in [{}, {"api_version": version}]:
        records = consume(access, topic, 100, **settings)
        assert [record.value for record in records] == old + new
        assert [record.offset for record in records] == list(range(100))
