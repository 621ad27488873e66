"""What scripts that measure servers share: what a process costs, and what the tool prints."""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import time

from martlet import BINARIES


class Stopwatch:
    """What a process has cost since this was made."""

    def __init__(self, process):
        self.pid = process.process.pid
        self.cpu, self.system, self.time = self.cpu_clock(), self.system_clock(), time.monotonic()

    def cpu_clock(self):
        """The kernel's clock of all that a process runs: its number by the convention of clock_getcpuclockid(3)."""
        return time.clock_gettime(~self.pid << 3 | 2)

    def system_clock(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[12]) / os.sysconf("SC_CLK_TCK")

    def read(self):
        """CPU-seconds, those of them that the kernel took (to 10 ms), and seconds of the clock on the wall."""
        return self.cpu_clock() - self.cpu, self.system_clock() - self.system, time.monotonic() - self.time


def resident_mib(process):
    status = pathlib.Path(f"/proc/{process.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def context_switches(process):
    """Of each thread that the process has now, since it began."""
    counts = {}
    for thread in pathlib.Path(f"/proc/{process.process.pid}/task").iterdir():
        # Threads come and go.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found = re.findall(r"ctxt_switches:\s+(\d+)", (thread / "status").read_text())
            counts[thread.name] = sum(int(count) for count in found)
    return counts


def martlet(*arguments):
    """What a command of the tool prints."""
    done = subprocess.run(
        [str(part) for part in (BINARIES / "martlet", *arguments)], capture_output=True, text=True, timeout=900)
    if done.returncode:
        sys.exit(f"martlet {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout


def number(pattern, text):
    return float(re.search(pattern, text)[1])
