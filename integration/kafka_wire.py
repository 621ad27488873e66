"""Produce requests as bytes, for what no client would send."""

import gzip
import socket
import struct

from kafka.codec import lz4_encode, snappy_encode, zstd_encode
from kafka.record._crc32c import crc as crc32c
from kafka.record.default_records import DefaultRecordBatchBuilder

from martlet import DEADLINE

# Where fields of a batch of magic 2 begin.
BASE_OFFSET, LENGTH, MAGIC, CRC, ATTRIBUTES, LAST_OFFSET_DELTA, BASE_TIMESTAMP, MAX_TIMESTAMP, COUNT, RECORDS = (
    0, 8, 16, 17, 21, 23, 27, 35, 57, 61)
VERSION = 8
# How a producer compresses, by the codec's number in the attributes.
CODECS = {1: gzip.compress, 2: snappy_encode, 3: lz4_encode, 4: zstd_encode}


def batch(values, timestamp=1_700_000_000_000, key=b"k"):
    """A sound batch of magic 2, which may be altered."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=False, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 20)
    for offset, value in enumerate(values):
        builder.append(offset, timestamp + offset, key, value, [])
    return bytearray(builder.build())


def altered(whole, *changes, renewing=True):
    """The batch with other fields: (place, format of struct, value); the checksum renewed unless told otherwise."""
    changed = bytearray(whole)
    for place, form, value in changes:
        struct.pack_into(f">{form}", changed, place, value)
    if renewing:
        struct.pack_into(">I", changed, CRC, crc32c(changed[ATTRIBUTES:]))
    return changed


def compressed(whole, codec, records=None):
    """The batch with its records compressed, or with what was compressed of others before."""
    packed = CODECS[codec](bytes(whole[RECORDS:])) if records is None else records
    changed = whole[:RECORDS] + packed
    return altered(changed, (ATTRIBUTES, "h", codec), (LENGTH, "i", len(changed) - LENGTH - 4))


def _text(value):
    return struct.pack(">h", len(value)) + value.encode()


class Wire:
    """A connection to a broker; left with `with`."""

    def __init__(self, broker):
        self._socket = socket.create_connection((broker.host, broker.port), DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _receive(self, count):
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            assert part, "the broker ended the connection"
            data += part
        return data

    def produce(self, topic, records, partition=0):
        """Sends bytes as a partition's records; returns error code, base offset, errors of records, and message."""
        body = struct.pack(">hhii", -1, -1, 10_000, 1) + _text(topic)
        body += struct.pack(">iii", 1, partition, len(records)) + bytes(records)
        request = struct.pack(">hhi", 0, VERSION, 7) + _text("wire") + body
        self._socket.sendall(struct.pack(">i", len(request)) + request)
        answer = _Answer(self._receive(struct.unpack(">i", self._receive(4))[0]))
        assert answer.take("i") == 7 and answer.take("i") == 1 and answer.text() == topic and answer.take("i") == 1
        assert answer.take("i") == partition
        code, offset = answer.take("h"), answer.take("q")
        answer.take("q"), answer.take("q")
        errors = [(answer.take("i"), answer.text()) for _ in range(answer.take("i"))]
        return code, offset, errors, answer.text()


class _Answer:
    def __init__(self, data):
        self._data = data
        self._place = 0

    def take(self, form):
        [value] = struct.unpack_from(f">{form}", self._data, self._place)
        self._place += struct.calcsize(form)
        return value

    def text(self):
        length = self.take("h")
        if length < 0:
            return None
        self._place += length
        return self._data[self._place - length:self._place].decode()
