"""martlet zk: scripts over it, and a terminal to type at."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from martlet import BINARIES, DEADLINE, eventually

MARTLET = BINARIES / "martlet"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def run(address, lines, *options, environment=None):
    """Gives lines to one shell on its standard input; what it wrote, and how it ended."""
    return subprocess.run(
        [MARTLET, "zk", "-server", address, *options], input="".join(f"{line}\n" for line in lines), text=True,
        capture_output=True, timeout=DEADLINE * 2, env=environment)


def one(address, *command, options=()):
    """Runs one command of the command line."""
    return subprocess.run(
        [MARTLET, "zk", "-server", address, *options, *command], text=True, capture_output=True, timeout=DEADLINE,
        stdin=subprocess.DEVNULL)


class Terminal:
    """A shell on a terminal of its own, with a home of its own; left with `with`."""

    def __init__(self, address, home, *options):
        environment = os.environ | {"HOME": str(home), "TERM": "xterm", "LANG": "C.UTF-8"}
        self.screen = ""
        self.status = None
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            # Wide enough that no line of a test is broken.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 250, 0, 0))
            os.execve(MARTLET, [str(MARTLET), "zk", "-server", address, *options], environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.descriptor)

    def type(self, keys):
        """Presses keys, and forgets what the screen said before."""
        self.screen = ""
        os.write(self.descriptor, keys.encode())

    def see(self, text, deadline=DEADLINE):
        """Waits until the screen says so since the last keys; `\\r` and the terminal's orders are left out."""
        end = time.monotonic() + deadline
        while text not in self.screen:
            assert time.monotonic() < end, f"{text!r} is not on the screen: {self.screen!r}"
            if select.select([self.descriptor], [], [], 0.2)[0]:
                self.screen += self._read()
        return self.screen

    def enter(self, line, answer):
        """Types a line and waits for what it says and for the next prompt."""
        self.type(line + "\r")
        self.see(answer)
        return self.see("[zk: ")

    def _read(self):
        try:
            return ESCAPES.sub("", os.read(self.descriptor, 65536).decode(errors="replace")).replace("\r", "")
        except OSError:
            return ""

    @property
    def makes_signals(self):
        """Whether Ctrl-C is a signal: while a command runs, and not while a line is edited."""
        return bool(termios.tcgetattr(self.descriptor)[3] & termios.ISIG)

    @property
    def has_ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def wait(self):
        """The exit status, once it has ended."""
        eventually(lambda: self.has_ended, "the shell ends")
        return self.status
