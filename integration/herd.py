"""Ten thousand sessions with coordinators, in one thread: each has a connection, and looks for another when it ends."""

import errno
import heapq
import resource
import select
import socket
import struct
import time

# How long a session rests before it tries the next server, when one does not serve it.
PAUSE = 0.05


class Lost(Exception):
    """A server has given a session up."""


class _Session:
    def __init__(self, number):
        self.number = number
        # Dealt out evenly.
        self.server = number
        self.id = 0
        self.password = bytes(16)
        self.socket = None
        self.received = b""
        self.is_served = False


class Herd:
    def __init__(self, addresses, count, timeout=60_000):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < count + 1000:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 1000, hard), hard))
        self.addresses = [(host, int(port)) for host, port in (address.split(":") for address in addresses)]
        self.timeout = timeout
        self.sessions = [_Session(number) for number in range(count)]
        self.served = 0
        self._poll = select.epoll()
        self._by_file = {}
        self._resting = [(0.0, number) for number in range(count)]

    def gather(self, deadline):
        """Returns in how many seconds all sessions were served, at once."""
        begun = time.monotonic()
        while self.served < len(self.sessions):
            now = time.monotonic()
            assert now - begun < deadline, f"{self.served} of {len(self.sessions)} sessions are served"
            while self._resting and self._resting[0][0] <= now:
                self._dial(self.sessions[heapq.heappop(self._resting)[1]])
            self._take(self._resting[0][0] - now if self._resting else 1)
        return time.monotonic() - begun

    def scatter(self):
        """Waits until at least one session has lost its connection, for a few seconds."""
        end = time.monotonic() + 10
        while self.served == len(self.sessions):
            assert time.monotonic() < end, "no session has lost its connection"
            self._take(0.1)

    def ids(self):
        return {session.id for session in self.sessions}

    def close(self):
        for session in self.sessions:
            if session.socket:
                session.socket.close()
        self._poll.close()

    def _take(self, patience):
        for file, events in self._poll.poll(max(patience, 0.001)):
            session = self._by_file.get(file)
            if session:
                self._read(session, events)

    def _dial(self, session):
        session.server += 1
        session.received = b""
        session.socket = socket.socket()
        session.socket.setblocking(False)
        outcome = session.socket.connect_ex(self.addresses[session.server % len(self.addresses)])
        if outcome not in (0, errno.EINPROGRESS):
            return self._rest(session)
        self._by_file[session.socket.fileno()] = session
        # Writable is connected; then only what comes is of interest.
        self._poll.register(session.socket, select.EPOLLOUT)

    def _read(self, session, events):
        try:
            if events & select.EPOLLOUT and not events & (select.EPOLLERR | select.EPOLLHUP):
                session.socket.sendall(self._hello(session))
                self._poll.modify(session.socket, select.EPOLLIN)
                return
            part = session.socket.recv(65536)
        except OSError:
            part = b""
        if not part:
            return self._rest(session)
        session.received += part
        if not session.is_served:
            self._welcome(session)

    def _hello(self, session):
        return struct.pack(">iiqiqi16s?", 45, 0, 0, self.timeout, session.id, 16, session.password, False)

    def _welcome(self, session):
        """The answer to the handshake."""
        if len(session.received) < 4:
            return
        (length,) = struct.unpack_from(">i", session.received)
        if len(session.received) < 4 + length:
            return
        _, timeout, session_id, _ = struct.unpack_from(">iiqi", session.received, 4)
        if timeout == 0:
            raise Lost(f"session {session.id:#x}")
        assert session.id in (0, session_id)
        session.id, session.password = session_id, session.received[24:40]
        session.is_served = True
        self.served += 1

    def _rest(self, session):
        if session.socket:
            self._by_file.pop(session.socket.fileno(), None)
            session.socket.close()
            session.socket = None
        pause = 0.0 if session.is_served else PAUSE
        self.served -= session.is_served
        session.is_served = False
        heapq.heappush(self._resting, (time.monotonic() + pause, session.number))
