"""Figures of a run of ops/bench: how they are kept, shown and compared with those of an earlier run."""

import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess

CPU_UNIT = "CPU-s/GB"
# How much worse a CPU figure may be than the earlier one.
TOLERANCE = 1.25


def machine():
    """What a figure depends on besides the program."""
    model = next(
        (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    memory = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1])
    return {
        "processor": model, "cores": os.cpu_count(), "memory_gib": round(memory / 2**20, 1),
        "kernel": platform.release(), "load_average_at_start": list(os.getloadavg())}


class Figures:
    """The figures of one run, in the order in which they were added, each the median of what was measured."""

    def __init__(self, how, binary):
        self.values = {}
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
        now = datetime.datetime.now(datetime.timezone.utc)
        built = datetime.datetime.fromtimestamp(binary.stat().st_mtime, datetime.timezone.utc)
        self.head = {
            "at": now.isoformat(timespec="seconds"), "commit": commit,
            "binaries_built": built.isoformat(timespec="seconds"),
            "machine": machine(), "how": how}

    def add(self, name, unit, measured, guide=None, **beside):
        """`guide` is what the figure is to stay under; `beside` is kept with it, each the median of a list."""
        measured = [round(value, 4) for value in measured]
        figure = {"value": statistics.median(measured), "unit": unit}
        if len(measured) > 1:
            figure["measured"] = measured
        if guide is not None:
            figure["guide"] = guide
        for key, values in beside.items():
            figure[key] = round(statistics.median(values), 4)
        self.values[name] = figure
        print(row(name, figure), flush=True)

    def write(self, path):
        self.head["machine"]["load_average_at_end"] = list(os.getloadavg())
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.head | {"figures": self.values}, indent=2) + "\n")

    def compare(self, path):
        """Prints ratios to the figures in a file; returns the names of CPU figures that became too much worse."""
        earlier = json.loads(pathlib.Path(path).read_text())
        print(f"\ncompared with {path}, {earlier['at']}, commit {earlier['commit'][:12]}")
        print(f"{'':52}{'then':>12}{'now':>12}{'ratio':>8}")
        worse = []
        for name, then in earlier["figures"].items():
            now = self.values.get(name)
            if now is None:
                print(f"{name:52}{then['value']:12g}{'-':>12}")
                continue
            ratio = f"{now['value'] / then['value']:8.2f}" if then["value"] else f"{'-':>8}"
            # What the machine itself takes more than then is not the program's.
            grown = max(0, now.get("floor", 0) - then.get("floor", 0))
            is_worse = then["unit"] == CPU_UNIT and now["value"] > then["value"] * TOLERANCE + grown
            print(f"{name:52}{then['value']:12g}{now['value']:12g}{ratio}{'  WORSE' if is_worse else ''}")
            if is_worse:
                worse.append(name)
        return worse


def row(name, figure):
    notes = []
    if "guide" in figure:
        notes.append(f"guide {figure['guide']:g}{'' if figure['value'] <= figure['guide'] else ' MISSED'}")
    notes += [f"{key} {figure[key]:g}" for key in figure if key not in ("value", "unit", "measured", "guide")]
    return f"{name:52}{figure['value']:12g} {figure['unit']:10}{', '.join(notes)}"
