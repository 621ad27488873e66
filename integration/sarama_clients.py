"""A second client of its own making under faults: sarama, in the Go program of clients/sarama."""

import os
import pathlib
import subprocess
import threading

from load import PARTITIONS
from martlet import DEADLINE, eventually

SOURCE = pathlib.Path(__file__).parent / "clients/sarama/numbers.go"


def build(folder):
    """Builds the program with Debian's Go and sarama, and returns its path."""
    environment = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "cache")}
    subprocess.run(["go", "build", "-o", folder / "numbers", SOURCE], env=environment, check=True, capture_output=True)
    return folder / "numbers"


def security(certificates):
    """The environment in which the program speaks mutual TLS."""
    return {
        "AUTHORITY": str(certificates.authority), "CERTIFICATE": str(certificates.certificate("alice")),
        "KEY": str(certificates.key("alice"))}


class _Running:
    """The program, whose lines (partition, offset, number) are told one by one until its input ends."""

    def __init__(self, *command, **environment):
        self.faults = []
        self._process = subprocess.Popen(
            [str(part) for part in command], env=os.environ | environment, stdin=subprocess.PIPE, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._threads = [
            threading.Thread(target=self._listen, daemon=True), threading.Thread(target=self._hear, daemon=True)]
        for thread in self._threads:
            thread.start()

    def _listen(self):
        for line in self._process.stdout:
            self.told(*map(int, line.split()))

    def _hear(self):
        self.faults += self._process.stderr.read().splitlines()

    def finish(self):
        """Lets it come to its end, and returns its exit code."""
        self._process.stdin.close()
        code = self._process.wait(2 * DEADLINE)
        for thread in self._threads:
            thread.join(DEADLINE)
        return code

    def abandon(self):
        """Ends it, whatever has become of what was sent."""
        self._process.kill()
        self.finish()


class SaramaLoad(_Running):
    """A producer that waits for all replicas and notes where it was told that its numbers are."""

    def __init__(self, program, address, topic, per_second=1000, **environment):
        self.topic = topic
        self.acknowledged = {partition: [] for partition in range(PARTITIONS)}
        # What may be there or not.
        self.given_up = set()
        self.count = 0
        super().__init__(program, "load", address, topic, PARTITIONS, per_second, **environment)

    def told(self, partition, offset, number):
        if partition < 0:
            self.given_up.add(number)
        else:
            self.acknowledged[partition].append((offset, number))
            self.count += 1

    def wait_for(self, more):
        """Waits until as many records more are acknowledged."""
        target = self.count + more
        eventually(lambda: self.count >= target or self.faults, f"{target} records are acknowledged")
        assert not self.faults, self.faults

    def end(self):
        """Ends the load after all that was sent is acknowledged."""
        code = self.finish()
        assert code == 0, self.faults

    def assert_agrees(self, found):
        """Compares what was acknowledged with what is there.

        The producer is not idempotent: what it sent again may be there twice, but what it was told of is where it was
        told, once.
        """
        for partition, told in self.acknowledged.items():
            held = found[partition]
            for offset, number in told:
                assert offset < len(held), f"partition {partition} ends at {len(held)}, {number} was to be at {offset}"
                assert held[offset] == number, f"partition {partition}: {held[offset]} is at {offset}, not {number}"
            assert len({number for _, number in told}) == len({offset for offset, _ in told}) == len(told)
            assert set(held) - {number for _, number in told} <= self.given_up


class SaramaReader(_Running):
    """A consumer that reads all partitions while they are written, and notes what it was shown."""

    def __init__(self, program, address, topic, **environment):
        self.numbers = {partition: [] for partition in range(PARTITIONS)}
        super().__init__(program, "follow", address, topic, **environment)

    def told(self, partition, offset, number):
        seen = self.numbers[partition]
        if offset != len(seen):
            self.faults.append(f"partition {partition}: offset {offset} after {len(seen)} records")
        seen.append(number)

    def end(self):
        self.finish()
