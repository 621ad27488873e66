#!/usr/bin/env python3
"""A wide-area link between two hosts of a `namespaces.Network`: a delay each way, and a rate.

Kernels without netem have nothing that delays, so this does it, at the level of packets: to TCP the link is as long and
as wide as it is told, with windows to open and to fill. Each host has a tun device for what it sends to the other; the
process of this file reads packets of one and writes them to the other when their time has come. Packets that TCP leaves
to the network card to be cut (up to 64 KiB) go through as they are, so that a gigabit a second is two thousand of them.
What finds too much waiting for the wire is dropped, as by a router.
"""

import argparse
import collections
import contextlib
import errno
import fcntl
import os
import pathlib
import select
import struct
import subprocess
import sys
import time

from martlet import Process

_TUNSETIFF, _TUNSETOFFLOAD = 0x400454CA, 0x400454D0
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
_TUN_F_CSUM, _TUN_F_TSO4 = 0x01, 0x02
# Linux's virtio_net_hdr before each packet: flags, type of offload, length of headers, size of the pieces, and two more.
_VNET_HEADER_SIZE = 10
_MTU = 1500


class WideArea(Process):
    """Between two hosts of a network, by their indices; begins when it is started, and ends with its process."""

    def __init__(self, directory, network, one=0, other=1, round_trip_ms=100, megabits=1000):
        self._network = network
        self._ends = (one, other)
        self._names = [f"{network.tag}w{index}" for index in self._ends]
        super().__init__("wide-area", directory, [
            sys.executable, pathlib.Path(__file__).resolve(), *self._names, "--round-trip-ms", round_trip_ms,
            "--megabits", megabits])

    def start(self):
        """What the hosts send to each other takes this way from now on."""
        self.launch()
        self.wait_for_log("is ready")
        for name, own, peer in zip(self._names, self._ends, reversed(self._ends)):
            self._network.take_over(own, name)
            self._network.route(own, peer, name)
        return self


class _Way:
    """What is on its way from one end to the other."""

    def __init__(self, delay, bytes_per_second):
        self.delay = delay
        self.bytes_per_second = bytes_per_second
        # As deep as the link is long: what a sender needs that does not pace itself.
        self.longest_wait = max(2 * delay, 0.02)
        self.packets = collections.deque()
        self.wire_is_free = 0.0

    def take(self, packet, now):
        size = len(packet) - _VNET_HEADER_SIZE
        begins = max(now, self.wire_is_free)
        if begins - now > self.longest_wait:
            return
        # Each piece that it is cut into carries headers of its own: 40 bytes of IP and TCP, 38 of Ethernet.
        pieces = -(-size // (_MTU - 40))
        self.wire_is_free = begins + (size + pieces * 78) / self.bytes_per_second
        self.packets.append((self.wire_is_free + self.delay, packet))

    def due(self, now):
        while self.packets and self.packets[0][0] <= now:
            yield self.packets.popleft()[1]


def _open(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR))
    fcntl.ioctl(device, _TUNSETOFFLOAD, _TUN_F_CSUM | _TUN_F_TSO4)
    subprocess.run(["ip", "link", "set", name, "mtu", str(_MTU), "txqueuelen", "10000"], check=True)
    return device


def _write(device, packet):
    try:
        os.write(device, packet)
    except OSError as error:
        # That end is not up yet, and the kernel of the other one greets it already: nobody hears.
        if error.errno != errno.EIO:
            raise


def _carry(devices, delay, bytes_per_second):
    """Carries packets both ways, for ever."""
    ways = {device: _Way(delay, bytes_per_second) for device in devices}
    other = {devices[0]: devices[1], devices[1]: devices[0]}
    polling = select.epoll()
    for device in devices:
        polling.register(device, select.EPOLLIN)
    while True:
        next_due = min((way.packets[0][0] for way in ways.values() if way.packets), default=None)
        polling.poll(-1 if next_due is None else max(0.0, next_due - time.monotonic()))
        now = time.monotonic()
        for device, way in ways.items():
            for _ in range(64):
                try:
                    way.take(os.read(device, 70_000), now)
                except BlockingIOError:
                    break
                except OSError:
                    # It is down: on its way into its namespace.
                    time.sleep(0.01)
                    break
            for packet in way.due(now):
                _write(other[device], packet)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("devices", nargs=2, help="names for the two ends")
    parser.add_argument("--round-trip-ms", type=float, required=True)
    parser.add_argument("--megabits", type=float, required=True, help="a second, each way")
    options = parser.parse_args()
    # A wire waits for no processor; where that is forbidden it does its best.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    devices = [_open(name) for name in options.devices]
    print("is ready", flush=True)
    _carry(devices, options.round_trip_ms / 2000, options.megabits * 1e6 / 8)


if __name__ == "__main__":
    main()
