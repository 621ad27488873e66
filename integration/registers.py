"""Clients that write registers of an ensemble while it is harmed, and a check of everything they were told.

Each writer owns one znode and sets it to 1, 2, 3 … by conditional writes, one at a time; a write whose answer never came
may have happened or not. Readers read all registers on sessions of their own, at members of their own. What is checked
knows nothing of the coordinator:

* a write that was acknowledged is there at the end, and nothing beyond what was sent;
* a session never reads a register going back, and never behind what it has written itself;
* the version of a register counts its writes: each happened once.
"""

import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, KazooException, NodeExistsError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.retry import KazooRetry

from martlet import DEADLINE


class Writer(threading.Thread):
    def __init__(self, history, path, hosts, timeout):
        super().__init__(daemon=True)
        self.history = history
        self.path = path
        self.client = _client(hosts, timeout)
        self.acknowledged = 0
        self.sent = 0
        self.longest_silence = 0.0
        self.faults = []

    def run(self):
        last = time.monotonic()
        while not self.history.is_over.is_set():
            value = self.acknowledged + 1
            self.sent = max(self.sent, value)
            try:
                stat = self.client.set(self.path, str(value).encode(), version=value - 1)
                if stat.version != value:
                    self.faults.append(f"{self.path}: write {value} made version {stat.version}")
                self.acknowledged = value
            except BadVersionError:
                # The write before, whose answer was lost, may have happened.
                self._look()
            except (KazooException, KazooTimeoutError):
                # The client is connecting again.
                time.sleep(0.01)
                continue
            now = time.monotonic()
            self.longest_silence = max(self.longest_silence, now - last)
            last = now
            # Bounds the load: a few hundred writes a second are enough.
            time.sleep(0.002)

    def _look(self):
        try:
            data, stat = self.client.get(self.path)
        except (KazooException, KazooTimeoutError):
            return
        if stat.version < self.acknowledged or stat.version > self.sent:
            self.faults.append(f"{self.path} is at {stat.version}: {self.acknowledged} acknowledged, {self.sent} sent")
        if int(data or b"0") != stat.version:
            self.faults.append(f"{self.path} holds {data} at version {stat.version}")
        self.acknowledged = stat.version


class Reader(threading.Thread):
    def __init__(self, history, hosts, timeout):
        super().__init__(daemon=True)
        self.history = history
        self.client = _client(hosts, timeout)
        self.reads = 0
        self.faults = []

    def run(self):
        seen, session = {}, None
        while not self.history.is_over.is_set():
            for writer in self.history.writers:
                sent_before = writer.sent
                try:
                    if session != self.client.client_id:
                        seen, session = {}, self.client.client_id
                    _, stat = self.client.get(writer.path)
                except (KazooException, KazooTimeoutError):
                    time.sleep(0.01)
                    continue
                self.reads += 1
                if session == self.client.client_id and stat.version < seen.get(writer.path, 0):
                    self.faults.append(f"{writer.path} went from {seen[writer.path]} back to {stat.version}")
                if stat.version > max(writer.sent, sent_before):
                    self.faults.append(f"{writer.path} shows {stat.version}, only {writer.sent} was sent")
                seen[writer.path] = max(stat.version, seen.get(writer.path, 0))
            time.sleep(0.002)


class History:
    """Writers and readers at an ensemble, running until end()."""

    def __init__(self, addresses, writers=3, timeout=20, name="register"):
        self.is_over = threading.Event()
        everywhere = ",".join(addresses)
        self.writers = [Writer(self, f"/{name}-{number}", everywhere, timeout) for number in range(writers)]
        self.readers = [Reader(self, address, timeout) for address in addresses]
        self.addresses = addresses
        for writer in self.writers:
            writer.client.start(timeout=DEADLINE)
            try:
                writer.client.create(writer.path, b"0")
            except NodeExistsError:
                pass
            writer.client.create(f"{writer.path}-session", ephemeral=True)
            writer.session = writer.client.client_id[0]
        for reader in self.readers:
            reader.client.start(timeout=DEADLINE)
        for thread in self.writers + self.readers:
            thread.start()

    @property
    def acknowledged(self):
        return sum(writer.acknowledged for writer in self.writers)

    def wait_for(self, count):
        """Waits until so many more writes have been acknowledged to every writer."""
        wanted = {writer: writer.acknowledged + count for writer in self.writers}
        end = time.monotonic() + DEADLINE
        while any(writer.acknowledged < wanted[writer] for writer in self.writers):
            assert time.monotonic() < end, f"writes are not acknowledged: {[w.acknowledged for w in self.writers]}"
            time.sleep(0.01)

    def time_to_write(self):
        """Seconds until every writer has been acknowledged a write that it began after now."""
        start = time.monotonic()
        self.wait_for(2)
        return time.monotonic() - start

    def end(self):
        self.is_over.set()
        for thread in self.writers + self.readers:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "a client hangs"

    def assert_consistent(self, keeps_sessions=True):
        """Ends the clients and compares what they were told with what every member holds now."""
        self.end()
        faults = [fault for thread in self.writers + self.readers for fault in thread.faults]
        for address in self.addresses:
            client = _client(address, 20)
            client.start(timeout=DEADLINE)
            try:
                client.sync("/")
                for writer in self.writers:
                    data, stat = client.get(writer.path)
                    if not writer.acknowledged <= stat.version <= writer.sent:
                        faults.append(
                            f"{address}: {writer.path} is at {stat.version}: "
                            f"{writer.acknowledged} acknowledged, {writer.sent} sent")
                    if int(data) != stat.version:
                        faults.append(f"{address}: {writer.path} holds {data} at version {stat.version}")
                    if keeps_sessions:
                        owner = client.exists(f"{writer.path}-session")
                        if owner is None or owner.ephemeralOwner != writer.session:
                            faults.append(f"{address}: the session of {writer.path} is lost")
            finally:
                client.stop()
                client.close()
        self.close()
        assert not faults, faults[:20]
        assert all(reader.reads for reader in self.readers), "a reader has read nothing"

    def close(self):
        self.is_over.set()
        for thread in self.writers + self.readers:
            thread.client.stop()
            thread.client.close()


def _client(hosts, timeout):
    # Connects again at once: what is measured is the ensemble, not a client's patience.
    return KazooClient(
        hosts=hosts, timeout=timeout, connection_retry=KazooRetry(max_tries=-1, delay=0.02, max_delay=0.1, backoff=1.5))
