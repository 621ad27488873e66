"""Records produced and consumed by aiokafka."""

import asyncio
import contextlib

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from martlet import DEADLINE


def run(test):
    """Runs a test's coroutine, bounded."""
    return asyncio.run(asyncio.wait_for(test, 2 * DEADLINE))


@contextlib.asynccontextmanager
async def started(client):
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def produce(access, topic, records, **settings):
    """Sends keyword arguments of AIOKafkaProducer.send to partition 0 and returns what was acknowledged."""
    async with started(AIOKafkaProducer(**access, **settings)) as producer:
        sent = [await producer.send(topic, partition=0, **record) for record in records]
        return await asyncio.gather(*sent)


async def consume(access, topic, count):
    """Reads count records of partition 0 from its start."""
    async with started(AIOKafkaConsumer(**access, enable_auto_commit=False)) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), 0)
        return [await consumer.getone() for _ in range(count)]


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_what_is_produced_is_consumed(access, topic, codec):
    values = [f"value {number} ".encode() * 20 for number in range(300)]

    async def test():
        records = [{"value": value} for value in values]
        acknowledged = await produce(access, topic, records, compression_type=codec, linger_ms=20)
        assert [record.offset for record in acknowledged] == list(range(300))
        assert [record.value for record in await consume(access, topic, 300)] == values
    run(test())


def test_headers_timestamps_and_nulls(access, topic):
    headers = [("trace", b"abc"), ("trace", b"def"), ("empty", b"")]

    async def test():
        await produce(access, topic, [
            {"value": b"no key", "timestamp_ms": 1_700_000_000_001, "headers": headers},
            {"key": b"no value", "value": None, "timestamp_ms": 1_700_000_000_002},
            {"key": b"", "value": b"", "timestamp_ms": 1_700_000_000_003}])
        return await consume(access, topic, 3)
    first, second, third = run(test())
    assert (first.key, first.value, list(first.headers)) == (None, b"no key", headers)
    assert (second.key, second.value) == (b"no value", None)
    assert (third.key, third.value) == (b"", b"")
    assert [record.timestamp for record in (first, second, third)] == [1_700_000_000_000 + n for n in (1, 2, 3)]


def test_seek_and_offsets_for_times(access, topic):
    partition = TopicPartition(topic, 0)

    async def test():
        await produce(access, topic, [
            {"value": str(n).encode(), "timestamp_ms": 1_700_000_000_000 + n * 1000} for n in range(50)])
        async with started(AIOKafkaConsumer(**access, enable_auto_commit=False)) as consumer:
            consumer.assign([partition])
            found = (await consumer.offsets_for_times({partition: 1_700_000_019_500}))[partition]
            assert (found.offset, found.timestamp) == (20, 1_700_000_020_000)
            assert (await consumer.offsets_for_times({partition: 1_800_000_000_000}))[partition] is None
            assert await consumer.beginning_offsets([partition]) == {partition: 0}
            assert await consumer.end_offsets([partition]) == {partition: 50}
            for offset in (42, 7):
                consumer.seek(partition, offset)
                assert (await consumer.getone()).value == str(offset).encode()
    run(test())


def test_idempotent_producer_keeps_order(access, topic):
    async def test():
        records = [{"value": str(number).encode()} for number in range(1000)]
        await produce(access, topic, records, enable_idempotence=True, max_batch_size=300)
        return await consume(access, topic, 1000)
    assert [int(record.value) for record in run(test())] == list(range(1000))


def test_a_record_above_the_limit_is_refused(access, topic):
    with pytest.raises(MessageSizeTooLargeError):
        run(produce(access, topic, [{"value": b"x" * 2_000_000}], max_request_size=4_000_000))
