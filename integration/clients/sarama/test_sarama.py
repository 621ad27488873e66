"""Clients on sarama, which shares no code with librdkafka or Java's client."""

import os
import subprocess

import pytest

import sarama_clients
from martlet import DEADLINE

PARTITIONS = 3


@pytest.fixture
def run(sarama, broker, certificates, security):
    """Runs a command of the sarama program against the broker, and returns its lines as numbers."""
    environment = os.environ | ({} if security == "PLAINTEXT" else sarama_clients.security(certificates))
    address = broker.address if security == "PLAINTEXT" else broker.tls_address

    def command(name, *arguments):
        done = subprocess.run(
            [sarama, name, address, *map(str, arguments)], env=environment, capture_output=True, text=True,
            timeout=2 * DEADLINE)
        assert done.returncode == 0, done.stderr
        return [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    return command


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_numbers_come_back(run, topic, codec):
    assert run("create", topic, PARTITIONS, 1) == [(partition, 1, 1) for partition in range(PARTITIONS)]
    told = run("produce", topic, PARTITIONS, codec, 3000)
    assert sorted(told) == [
        (partition, offset, partition + PARTITIONS * offset) for partition in range(PARTITIONS) for offset in range(1000)]
    assert sorted(run("consume", topic)) == sorted(told)


def test_a_group_goes_on_where_it_was(run, topic):
    run("create", topic, PARTITIONS, 1)
    told = run("produce", topic, PARTITIONS, "snappy", 900)
    first = run("group", topic, f"group-of-{topic}", 900)
    assert sorted(first) == sorted(told)
    more = run("produce", topic, PARTITIONS, "none", 300)
    assert sorted(run("group", topic, f"group-of-{topic}", 300)) == sorted(more)
