"""Our own APIs for mirrors in raw frames, and record batches as they stand in a log."""

import dataclasses
import functools
import socket
import struct
import time

from kafka.record.util import calc_crc32c

MIRROR_APPEND, MIRROR_ALTER, MIRROR_DESCRIBE, LOG_DIGEST, WRITE_TXN_MARKERS = 10000, 10001, 10002, 10003, 27
MIRROR_CREDENTIALS = 10005
MIRROR, BEGIN_PROMOTION, PROMOTE, FENCE, REWIND, UNFENCE = range(6)
TIMESTAMP = 1_700_000_000_000


# Batches

# In Python, and slow: of large batches only the offset differs, which it does not cover.
_checksum = functools.lru_cache(16)(calc_crc32c)


def _zigzag(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _record(delta, key, value):
    def part(data):
        return _zigzag(-1) if data is None else _zigzag(len(data)) + data
    body = b"\0" + _zigzag(0) + _zigzag(delta) + part(key) + part(value) + _zigzag(0)
    return _zigzag(len(body)) + body


def batch(offset, values, producer=(-1, -1, -1), attributes=0, epoch=7, key=None):
    """A batch whose first record has this offset; producer: its id, epoch and first sequence."""
    records = b"".join(_record(delta, key, value) for delta, value in enumerate(values))
    checked = struct.pack(
        ">hiqqqhii", attributes, len(values) - 1, TIMESTAMP, TIMESTAMP, *producer, len(values)) + records
    rest = struct.pack(">ibI", epoch, 2, _checksum(checked)) + checked
    return struct.pack(">qi", offset, len(rest)) + rest


def transactional(offset, values, producer):
    return batch(offset, values, producer, attributes=0x10)


def marker(offset, producer, commits):
    """The end of a transaction; producer: its id and epoch."""
    value = struct.pack(">hi", 0, 0)
    return batch(offset, [value], (*producer, -1), attributes=0x30, key=struct.pack(">hh", 0, int(commits)))


# The wire: compact lengths and empty tagged fields.

def uvarint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value):
    data = value.encode()
    return uvarint(len(data) + 1) + data


def array(items):
    return uvarint(len(items) + 1) + b"".join(items)


class Fields:
    """Reads an answer from its start."""

    def __init__(self, data):
        self.data = data
        self.position = 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.position)
        self.position += struct.calcsize(">" + form)
        return values if len(values) > 1 else values[0]

    def uvarint(self):
        value, shift = 0, 0
        while True:
            byte = self.take("B")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self):
        length = self.uvarint() - 1
        if length < 0:
            return None
        self.position += length
        return self.data[self.position - length:self.position].decode()

    def array(self, item):
        """Of structures, whose fields item() reads."""
        items = []
        for _ in range(self.uvarint() - 1):
            items.append(item())
            self.tags()
        return items

    def tags(self):
        assert self.uvarint() == 0, "a tagged field that nobody knows"


@dataclasses.dataclass
class Appended:
    error: int
    message: str
    start: int
    end: int
    high_watermark: int


@dataclasses.dataclass
class Described:
    error: int
    state: int
    home_epoch: int
    leader_epoch: int
    start: int
    stable: int
    high_watermark: int
    end: int
    max_timestamp: int
    size: int
    cut: int
    synchrony: int
    confirmed: int
    lease: int
    settled: bool
    open: list


@dataclasses.dataclass
class Digest:
    error: int
    start: int
    end: int
    batches: int
    records: int
    bytes: int
    digest: tuple


# What a partition is at one end of a link.
ORDINARY, MIRRORING, PROMOTING, FENCED = range(4)


class Link:
    """What a mirror asks of the brokers of its target, each time on a connection of its own."""

    def __init__(self, name="west->east", source="cluster-in-the-west-0"):
        self.name = name
        self.source = source

    def call(self, address, key, body, version=0):
        host, port = address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=150) as connection:
            frame = struct.pack(">hhih", key, version, 1, -1) + b"\0" + body
            connection.sendall(struct.pack(">i", len(frame)) + frame)
            stream = connection.makefile("rb")
            size = struct.unpack(">i", stream.read(4))[0]
            fields = Fields(stream.read(size))
        assert fields.take("i") == 1
        fields.tags()
        return fields

    def append(self, address, topic_id, records, end, start=0, index=0, home_epoch=0, timeout=10000):
        """Appends to one partition of whose log the end is expected there."""
        data = b"\0" if records is None else uvarint(len(records) + 1) + records
        partition = struct.pack(">iiqq", index, home_epoch, end, start) + data + b"\0"
        body = text(self.name) + struct.pack(">i", timeout)
        body += array([topic_id + array([partition]) + b"\0"]) + b"\0"
        fields = self.call(address, MIRROR_APPEND, body)
        fields.take("i")
        def part():
            _, error = fields.take("ih")
            return Appended(error, fields.text(), *fields.take("qqq"))
        def topic():
            fields.take("16s")
            return fields.array(part)
        return fields.array(topic)[0][0]

    def alter(self, address, action, names, topic_id=bytes(16), home_epoch=0, partitions=1, cuts=None, configs=None,
              replicas=3):
        """The error, its message and the home epoch afterwards of each topic."""
        def item(name):
            settings = [text(key) + text(value) + b"\0" for key, value in (configs or {}).items()]
            limits = [struct.pack(">iq", index, offset) + b"\0" for index, offset in (cuts or {}).items()]
            identity = topic_id(name) if callable(topic_id) else topic_id
            return (text(name) + identity + struct.pack(">b", action) + text(self.name) + text(self.source)
                    + struct.pack(">iih", home_epoch, partitions, replicas) + array(settings) + array(limits) + b"\0")
        body = struct.pack(">i?", 120000, False) + array([item(name) for name in names]) + b"\0"
        fields = self.call(address, MIRROR_ALTER, body)
        fields.take("i")
        def told():
            fields.text()
            return fields.take("h"), fields.text(), fields.take("i")
        return fields.array(told)

    def describe(self, address, name, index=0):
        body = array([text(name) + array([struct.pack(">i", index)]) + b"\0"]) + b"\0"
        fields = self.call(address, MIRROR_DESCRIBE, body)
        fields.take("i")
        def part():
            _, error, state = fields.take("ihb")
            return Described(
                error, state, *fields.take("iiqqqqqqqbqq?"), open=fields.array(lambda: fields.take("qhiq")))
        def topic():
            fields.text()
            fields.take("16s")
            fields.text()
            fields.text()
            return fields.array(part)
        return fields.array(topic)[0][0]

    def credentials(self, address):
        """The error, its message, and how many credentials were told."""
        fields = self.call(address, MIRROR_CREDENTIALS, b"\0")
        fields.take("i")
        return fields.take("h"), fields.text(), fields.uvarint() - 1

    def digest(self, address, name, start, end, index=0):
        body = array([text(name) + array([struct.pack(">iqq", index, start, end) + b"\0"]) + b"\0"]) + b"\0"
        fields = self.call(address, LOG_DIGEST, body)
        fields.take("i")
        def part():
            _, error = fields.take("ih")
            return Digest(error, *fields.take("qqqqq"), fields.take("qq"))
        def topic():
            fields.text()
            return fields.array(part)
        return fields.array(topic)[0][0]

    def abort(self, address, name, producer, index=0):
        """Ends the open transaction of a producer (its id and epoch) in one partition; answers the error."""
        topic = text(name) + array([struct.pack(">i", index)]) + b"\0"
        body = array([struct.pack(">qh?", *producer, False) + array([topic]) + struct.pack(">i", 0) + b"\0"]) + b"\0"
        fields = self.call(address, WRITE_TXN_MARKERS, body, version=1)
        def part():
            return fields.take("ih")[1]
        def told_topic():
            fields.text()
            return fields.array(part)
        def told():
            fields.take("q")
            return fields.array(told_topic)
        return fields.array(told)[0][0][0]

    def append_anyhow(self, cluster, name, topic_id, batches, deadline=60.0):
        """Appends batches one by one as a mirror does: who leads and where the log ends is asked again after whatever
        went wrong. Answers where the log ends."""
        late = time.monotonic() + deadline
        end = 0
        rest = list(batches)
        while rest:
            assert time.monotonic() < late, f"{len(rest)} batches are not appended"
            while rest and struct.unpack_from(">q", rest[0])[0] < end:
                rest.pop(0)
            if not rest:
                break
            try:
                told = self.append(cluster.leader(name).address, topic_id, rest[0], end)
            except OSError:
                time.sleep(0.1)
                continue
            if told.error in (0, 1):
                end = told.end
            else:
                time.sleep(0.1)
        return end
