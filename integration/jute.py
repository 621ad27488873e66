"""ZooKeeper's client protocol over a bare socket: whatever a test wants to send, sound or not, and answers in full."""

import contextlib
import socket
import struct

from martlet import DEADLINE

CREATE, DELETE, EXISTS, GET_DATA, SET_DATA, GET_ACL, SET_ACL, GET_CHILDREN, SYNC = range(1, 10)
PING, GET_CHILDREN2, CHECK, MULTI, CREATE2, RECONFIG, CHECK_WATCHES, REMOVE_WATCHES = range(11, 19)
CREATE_CONTAINER, DELETE_CONTAINER, CREATE_TTL, MULTI_READ = range(19, 23)
AUTH, SET_WATCHES, SASL, GET_EPHEMERALS, GET_ALL_CHILDREN_NUMBER, SET_WATCHES2, ADD_WATCH, WHO_AM_I = range(100, 108)
CREATE_SESSION, CLOSE_SESSION = -10, -11

READ, WRITE, CREATE_CHILD, DELETE_CHILD, ADMIN, ALL = 1, 2, 4, 8, 16, 31
OPEN = [(ALL, "world", "anyone")]


def int32(value):
    return struct.pack(">i", value)


def int64(value):
    return struct.pack(">q", value)


def boolean(value):
    return b"\1" if value else b"\0"


def buffer(value):
    """None is null, which is not the same as empty."""
    if value is None:
        return int32(-1)
    if isinstance(value, str):
        value = value.encode()
    return int32(len(value)) + value


def vector(items, encode):
    return int32(-1) if items is None else int32(len(items)) + b"".join(encode(item) for item in items)


def acl(entries):
    return vector(entries, lambda entry: int32(entry[0]) + buffer(entry[1]) + buffer(entry[2]))


def create(path, data=b"", entries=OPEN, flags=0):
    return buffer(path) + buffer(data) + acl(entries) + int32(flags)


def create_ttl(path, ttl, data=b"", entries=OPEN, flags=5):
    return create(path, data, entries, flags) + int64(ttl)


def watched(path, watch=False):
    """What exists, getData and getChildren carry."""
    return buffer(path) + boolean(watch)


def numbered(path, number=-1):
    """What delete, check, addWatch, checkWatches and removeWatches carry."""
    return buffer(path) + int32(number)


def set_data(path, data=b"", version=-1):
    return buffer(path) + buffer(data) + int32(version)


def set_acl(path, entries, version=-1):
    return buffer(path) + acl(entries) + int32(version)


def multi(*operations):
    """Of pairs of an opcode and its record."""
    parts = [int32(code) + boolean(False) + int32(-1) + record for code, record in operations]
    return b"".join(parts) + int32(-1) + boolean(True) + int32(-1)


def authentication(scheme, credentials):
    return int32(0) + buffer(scheme) + buffer(credentials)


def set_watches(relative_zxid, data=(), exist=(), child=(), persistent=None, recursive=None):
    lists = [data, exist, child] + ([persistent, recursive or ()] if persistent is not None else [])
    return int64(relative_zxid) + b"".join(vector(list(paths), buffer) for paths in lists)


class Reader:
    def __init__(self, frame):
        self.frame = frame
        self.position = 0

    def take(self, count):
        part = self.frame[self.position:self.position + count]
        assert len(part) == count, f"an answer ends too early: {self.frame.hex()}"
        self.position += count
        return part

    def int32(self):
        return struct.unpack(">i", self.take(4))[0]

    def int64(self):
        return struct.unpack(">q", self.take(8))[0]

    def boolean(self):
        return self.take(1) != b"\0"

    def buffer(self):
        length = self.int32()
        return None if length == -1 else self.take(length)

    def text(self):
        value = self.buffer()
        return None if value is None else value.decode()

    def vector(self, item):
        count = self.int32()
        return None if count == -1 else [item() for _ in range(count)]

    def stat(self):
        names = "czxid mzxid ctime mtime version cversion aversion ephemeralOwner dataLength numChildren pzxid".split()
        return dict(zip(names, struct.unpack(">qqqqiiiqiiq", self.take(68))))

    def identity(self):
        return (self.text(), self.text())

    def acl(self):
        return self.vector(lambda: (self.int32(),) + self.identity())

    def results(self):
        results = []
        while True:
            code, done, error = self.int32(), self.boolean(), self.int32()
            if done:
                return tuple(results)
            bodies = {
                -1: lambda: self.int32(), CREATE: self.text, CREATE2: lambda: (self.text(), self.stat()),
                SET_DATA: self.stat, GET_DATA: lambda: (self.buffer(), self.stat()),
                GET_CHILDREN: lambda: self.vector(self.text)}
            results.append((code, error, bodies.get(code, lambda: None)()))

    def body(self, code):
        """The record of an answer to an opcode."""
        bodies = {
            CREATE: self.text, SYNC: self.text, CREATE2: lambda: (self.text(), self.stat()),
            CREATE_CONTAINER: lambda: (self.text(), self.stat()), CREATE_TTL: lambda: (self.text(), self.stat()),
            EXISTS: self.stat, SET_DATA: self.stat, SET_ACL: self.stat,
            GET_DATA: lambda: (self.buffer(), self.stat()), RECONFIG: lambda: (self.buffer(), self.stat()),
            GET_ACL: lambda: (self.acl(), self.stat()), GET_CHILDREN: lambda: self.vector(self.text),
            GET_CHILDREN2: lambda: (self.vector(self.text), self.stat()), GET_EPHEMERALS: lambda: self.vector(self.text),
            GET_ALL_CHILDREN_NUMBER: self.int32, ADD_WATCH: self.int32, SASL: self.buffer,
            WHO_AM_I: lambda: self.vector(self.identity), MULTI: self.results, MULTI_READ: self.results}
        return bodies.get(code, lambda: None)()


class Wire:
    """One connection."""

    def __init__(self, port, deadline=DEADLINE):
        self.socket = socket.create_connection(("127.0.0.1", port), deadline)
        self._unsent = None
        self.xid = 0
        self.session = self.password = self.timeout = self.read_only = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, frame):
        framed = int32(len(frame)) + frame
        if self._unsent is None:
            self.socket.sendall(framed)
        else:
            self._unsent += framed

    @contextlib.contextmanager
    def together(self):
        """Sends as one what is sent meanwhile."""
        self._unsent = b""
        yield
        unsent, self._unsent = self._unsent, None
        self.socket.sendall(unsent)

    def receive(self):
        """The next frame; None at the end of the connection."""
        try:
            length = self._exactly(4)
            return length and self._exactly(struct.unpack(">i", length)[0])
        except ConnectionResetError:
            return None

    def _exactly(self, count):
        parts = b""
        while len(parts) < count:
            part = self.socket.recv(count - len(parts))
            if not part:
                return None
            parts += part
        return parts

    def connect(self, timeout=10000, session=0, password=bytes(16), last_zxid=0, read_only=False):
        """Opens or resumes a session; False when the server ends the connection instead. A session that is over is
        answered with 0 as its id."""
        tail = b"" if read_only is None else boolean(read_only)
        self.send(int32(0) + int64(last_zxid) + int32(timeout) + int64(session) + buffer(password) + tail)
        frame = self.receive()
        if frame is None:
            return False
        reader = Reader(frame)
        reader.int32()
        self.timeout, self.session, self.password = reader.int32(), reader.int64(), reader.buffer()
        self.read_only = None if read_only is None else reader.boolean()
        assert reader.position == len(frame), f"more than a handshake's answer: {frame.hex()}"
        return True

    def request(self, code, record=b"", xid=None):
        """Sends without waiting; returns the xid."""
        if xid is None:
            self.xid += 1
            xid = self.xid
        self.send(int32(xid) + int32(code) + record)
        return xid

    def answer(self, code):
        """The next frame as (xid, zxid, error, body), the body of a watch event as (type, path); None at the end."""
        frame = self.receive()
        if frame is None:
            return None
        reader = Reader(frame)
        xid, zxid, error = reader.int32(), reader.int64(), reader.int32()
        if xid == -1:
            kind, state, path = reader.int32(), reader.int32(), reader.text()
            assert state == 3
            body = (kind, path)
        else:
            body = reader.body(code) if error == 0 or code == SASL and reader.position < len(frame) else None
        # Behind an error some servers send a record all the same; no client reads it.
        assert error != 0 or reader.position == len(frame), f"more than the answer to {code}: {frame.hex()}"
        return xid, zxid, error, body

    def ask(self, code, record=b"", xid=None):
        """Sends a request; the watch events that come before its answer, and the answer."""
        xid = self.request(code, record, xid)
        events = []
        while True:
            answer = self.answer(code)
            if answer is None or answer[0] != -1 or xid == -1:
                return events, answer
            events.append((answer[1],) + answer[3])
