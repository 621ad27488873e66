"""The same conversation with Debian's ZooKeeper and with ours, answer by answer."""

import socket

from jute import PING, Wire

ZXIDS = ("czxid", "mzxid", "pzxid")
TIMES = ("ctime", "mtime")
# How long a server may take to show that it does not end a connection.
SILENCE = 1.0


class Talk:
    """One side: holds a conversation and keeps what was answered, without what no two servers have in common.

    Without `zxids` they count for nothing: Apache ZooKeeper gives one to a write that it cannot read, and we do not.
    """

    def __init__(self, port, is_apache, zxids=True):
        self.port = port
        self.is_apache = is_apache
        self.zxids = zxids
        self.wires = {}
        self.answers = []
        self.sessions = {}
        self.base = None

    def open(self, name, timeout=10000, resume=None, session=None, password=None, last_zxid=0, read_only=False):
        """A connection by a name; `resume` names the one whose session it goes on with."""
        old = self.wires.get(resume)
        session = session if session is not None else old.session if old else 0
        password = password if password is not None else old.password if old else bytes(16)
        wire = self.wires[name] = Wire(self.port)
        opened = wire.connect(timeout, session, password, last_zxid, read_only)
        if opened and wire.session:
            self.sessions.setdefault(wire.session, f"session of {name}")
        self.keep(f"open {name}", opened and (wire.timeout, self.plain_owner(wire.session), wire.read_only))

    def ask(self, name, code, record=b"", xid=None, differs=None):
        """Asks over a connection. Where we answer otherwise on purpose, `differs` says what, and why: a pair of the
        error or body that we give, and the reason."""
        wire = self.wires[name]
        wire.socket.settimeout(20)
        try:
            events, answer = wire.ask(code, record, xid)
        except (BrokenPipeError, ConnectionResetError):
            events, answer = [], None
        if answer is not None:
            answer = (answer[0], self.zxid(answer[1]), answer[2], self.plain(answer[3]))
        kept = ([(kind, path) for _, kind, path in events], answer)
        if differs is not None:
            wanted, reason = differs
            if not self.is_apache:
                found = answer and (answer[2] or answer[3])
                assert found == wanted, f"{code} {record!r}: {answer}, not {wanted} ({reason})"
            kept = f"differs: {reason}"
        self.keep(f"{name}: {code} {record!r}", kept)
        return answer

    def hear(self, *names):
        """Takes the watch events that have come."""
        for name in names:
            self.ask(name, PING, xid=-2)

    def ended(self, name):
        """Whether the server ends the connection."""
        wire = self.wires[name]
        wire.socket.settimeout(SILENCE)
        try:
            self.keep(f"{name} ended", wire.receive() is None)
        except socket.timeout:
            self.keep(f"{name} ended", False)

    def close(self):
        for wire in self.wires.values():
            wire.socket.close()

    def keep(self, what, answer):
        self.answers.append((what, answer))

    def zxid(self, zxid):
        """Counted from the first that was seen."""
        if zxid <= 0 or not self.zxids:
            return min(zxid, 1)
        if self.base is None:
            self.base = zxid
        return zxid - self.base

    def plain_owner(self, session):
        return self.sessions.get(session, session)

    def plain(self, value):
        if isinstance(value, dict):
            plain = {key: part for key, part in value.items() if key not in TIMES}
            plain |= {key: self.zxid(value[key]) for key in ZXIDS}
            return plain | {"ephemeralOwner": self.plain_owner(value["ephemeralOwner"])}
        if isinstance(value, tuple):
            return tuple(self.plain(part) for part in value)
        if isinstance(value, list):
            # Names of children, identities and entries of access lists come in no particular order.
            return sorted(self.plain(part) for part in value)
        return value
