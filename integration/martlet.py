"""Runs real coordinators and brokers for the tests: each on free loopback ports, in a directory of its own."""

import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
BINARIES = pathlib.Path(os.environ.get("MARTLET_BIN", REPOSITORY / ".build/release"))
# Generous: a busy machine may take long, and a test that succeeds never waits for it.
DEADLINE = 60.0


def eventually(check, what, deadline=DEADLINE):
    """Asks until check() returns something true, and returns that; fails with the last error at the deadline."""
    end = time.monotonic() + deadline
    error = None
    pause = 0.005
    while True:
        try:
            answer = check()
            if answer:
                return answer
            error = f"last answer: {answer!r}"
        except Exception as raised:
            error = repr(raised)
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {deadline:.0f} s; {error}")
        # What comes soon is seen at once; what takes long is not asked for all the time.
        time.sleep(pause)
        pause = min(1.5 * pause, 0.05)


def http(port, path, method="GET"):
    """Status, type and text of what a server on this machine answers, also when it refuses."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers["Content-Type"], refusal.read().decode()


_given_ports = set()


def free_port():
    """A port that nobody listens on, below the range from which the kernel takes those of outgoing connections."""
    low = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    start = 12000 + os.getpid() * 37 % 8000
    for offset in range(low - start if low > start else 1):
        port = start + offset
        if port in _given_ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_ports.add(port)
        return port
    raise AssertionError("no free port")


class Process:
    """A server that runs in a directory of its own and logs to a file in it. Starting it again keeps its data."""

    def __init__(self, name, directory, command, environment=None):
        self.name = name
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.command = [str(part) for part in command]
        self.environment = environment
        self.log_path = self.directory / f"{name}.log"
        self.process = None

    def launch(self):
        """Starts the process without waiting until it serves."""
        with open(self.log_path, "ab") as log:
            # A session of its own: a shell script's children end with it.
            self.process = subprocess.Popen(
                self.command, cwd=self.directory, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=self.environment, start_new_session=True)
        return self

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def wait_for_log(self, text, count=1, deadline=DEADLINE):
        """Waits until the log holds text at least count times; fails early when the process has ended."""
        def look():
            return self.log().count(text) >= count
        def look_or_ended():
            return look() or not self.is_running
        eventually(look_or_ended, f"{self.name} logs {text!r}", deadline)
        assert look(), f"{self.name} ended without logging {text!r}:\n{self.tail()}"

    def tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])

    def kill(self):
        """Ends it without a warning (SIGKILL), as a crash would."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait(DEADLINE)

    def freeze(self):
        """Lets it stand still (SIGSTOP), and waits until each of its threads does."""
        os.kill(self.process.pid, signal.SIGSTOP)
        for thread in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            eventually(lambda: thread.read_text().rsplit(")", 1)[1].split()[0] == "T", f"{thread} stands still")

    def thaw(self):
        """Lets it go on (SIGCONT)."""
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self):
        """Asks it to end (SIGTERM) and returns its exit code; ends it by force at the deadline."""
        if self.process is None:
            return None
        if self.is_running:
            self.process.terminate()
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired as late:
            self.kill()
            raise AssertionError(f"{self.name} did not stop:\n{self.tail()}") from late
