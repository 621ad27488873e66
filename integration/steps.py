"""What a program asks of brokers, step by step, so that something can happen between any two of them.

A gate stands before one listener of a broker, which tells its clients the gate's port. All that comes by the gates of a
stage goes through one `Steps`, which counts requests by cluster and kind, and calls what waits for one of them: before
the broker has it, or after the broker has answered and before the client knows.
"""

import collections
import socket
import struct
import threading

from martlet import free_port

# What clients ask before they ask anything.
PREPARATIONS = {3, 17, 18, 36}
BEFORE, AFTER = "before", "after"


class Steps:
    def __init__(self):
        self._lock = threading.Lock()
        self.clear()

    def clear(self):
        with self._lock:
            self.seen = []
            self.has_come = threading.Event()
            self._counts = collections.Counter()
            self._wanted = None
            self._mute = set()

    def at(self, cluster, key, number, moment, action):
        """Calls `action` once, when the cluster is asked this for the `number`th time; before or after it answers.
        What it returns says whether the request or the answer goes on."""
        self.clear()
        self._wanted = (cluster, key, number, moment, action)

    def mute(self, cluster, moment):
        """No request, or no answer, comes through any more."""
        self._mute.add((cluster, moment))

    def heal(self):
        self._mute = set()

    def asked(self, cluster, key):
        """The number of a request, and whether it goes on."""
        with self._lock:
            self._counts[cluster, key] += 1
            number = self._counts[cluster, key]
            if key not in PREPARATIONS:
                self.seen.append((cluster, key, number))
        return number, self._passes(cluster, key, number, BEFORE)

    def answered(self, cluster, key, number):
        return self._passes(cluster, key, number, AFTER)

    def _passes(self, cluster, key, number, moment):
        with self._lock:
            wanted = self._wanted
            is_it = wanted is not None and wanted[:4] == (cluster, key, number, moment)
            if is_it:
                self._wanted = None
        passes = True
        if is_it:
            passes = wanted[4]()
            self.has_come.set()
        return passes and (cluster, moment) not in self._mute


class Gate:
    """Lets clients through to a port of this machine."""

    def __init__(self, steps, cluster, port):
        self.steps = steps
        self.cluster = cluster
        self.inner = port
        self.port = free_port()
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._connections = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self.inner))
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._let_through, args=(client, broker), daemon=True).start()

    def _let_through(self, client, broker):
        self._connections |= {client, broker}
        waiting = {}
        answers = threading.Thread(target=self._carry, args=(broker, client, self._answer, waiting), daemon=True)
        answers.start()
        self._carry(client, broker, self._request, waiting)
        answers.join()
        self._connections -= {client, broker}
        client.close()
        broker.close()

    def _carry(self, sender, receiver, look, waiting):
        try:
            with sender.makefile("rb") as stream:
                while len(head := stream.read(4)) == 4:
                    frame = stream.read(struct.unpack(">i", head)[0])
                    if look(frame, waiting):
                        receiver.sendall(head + frame)
        except OSError:
            pass
        for end in (sender, receiver):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _request(self, frame, waiting):
        key, _, correlation = struct.unpack_from(">hhi", frame)
        number, passes = self.steps.asked(self.cluster, key)
        waiting[correlation] = (key, number)
        return passes

    def _answer(self, frame, waiting):
        key, number = waiting.pop(struct.unpack_from(">i", frame)[0])
        return self.steps.answered(self.cluster, key, number)

    def cut(self):
        """Breaks the connections that there are."""
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                # It is broken already.
                pass

    def close(self):
        self._server.close()
        for connection in list(self._connections):
            connection.close()


class Gated:
    """A cluster as its clients behind gates see it."""

    def __init__(self, steps, name, cluster):
        """To be made before the cluster is started."""
        self.gates = []
        for broker in cluster.brokers:
            inner = free_port()
            gate = Gate(steps, name, inner)
            self.gates.append(gate)
            own = f"PLAINTEXT://127.0.0.1:{broker.port}"
            text = broker.config.read_text()
            assert f"\nlisteners={own}\n" in text
            broker.config.write_text(text.replace(f"\nlisteners={own}\n", (
                f"\nlisteners={own},GATED://127.0.0.1:{inner}\nadvertised.listeners={own},GATED://127.0.0.1:{gate.port}\n"
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,GATED:PLAINTEXT\n"
                "inter.broker.listener.name=PLAINTEXT\n")))

    @property
    def address(self):
        return ",".join(f"127.0.0.1:{gate.port}" for gate in self.gates)

    def cut(self):
        for gate in self.gates:
            gate.cut()

    def close(self):
        for gate in self.gates:
            gate.close()
