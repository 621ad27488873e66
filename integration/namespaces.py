"""Machines of their own for servers: network namespaces on one bridge, whose ways to each other can be cut."""

import itertools
import os
import subprocess

_numbers = itertools.count()


def _ip(*arguments):
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


def _free_prefix(number):
    """The first three bytes of addresses of which this machine has none; where tests run side by side, each begins its
    search somewhere else."""
    taken = _ip("-4", "address")
    own = (f"10.{100 + (os.getpid() + step) % 100}.{number % 250}" for step in range(100))
    return next(prefix for prefix in own if f" {prefix}." not in taken)


class Network:
    """Hosts 10.x.y.1, 10.x.y.2 …, each a namespace; the tests' own clients are at 10.x.y.254 and reach all of them."""

    def __init__(self, size):
        # Of this process and of no other: the names are removed in any case.
        number = next(_numbers)
        self.tag = f"mt{os.getpid() % 100000}n{number}"
        self._prefix = _free_prefix(number)
        self.hosts = [f"{self._prefix}.{host}" for host in range(1, size + 1)]
        # Where the tests' own clients are, and servers that are not in a namespace.
        self.outside = f"{self._prefix}.254"
        self._bridge = f"{self.tag}b"
        self._namespaces = []
        try:
            _ip("link", "add", self._bridge, "type", "bridge")
            _ip("address", "add", f"{self.outside}/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
            for index, host in enumerate(self.hosts):
                self._add(f"{self.tag}h{index}", f"{self.tag}v{index}", host)
        except BaseException:
            self.close()
            raise

    def _add(self, namespace, link, host):
        _ip("netns", "add", namespace)
        self._namespaces.append(namespace)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        _ip("link", "set", link, "master", self._bridge, "up")
        _ip("-n", namespace, "address", "add", f"{host}/24", "dev", "eth0")
        _ip("-n", namespace, "link", "set", "eth0", "up")
        _ip("-n", namespace, "link", "set", "lo", "up")

    def command(self, index, command):
        """The command that runs `command` on a host."""
        return ["ip", "netns", "exec", self._namespaces[index], *command]

    def take_over(self, index, device):
        """Makes a device of this machine one of a host's."""
        _ip("link", "set", device, "netns", self._namespaces[index])
        _ip("-n", self._namespaces[index], "link", "set", device, "up")

    def route(self, sender, receiver, device):
        """Lets what one host sends to another go out by one of its devices, under the address by which all know it."""
        _ip("-n", self._namespaces[sender], "route", "add", f"{self.hosts[receiver]}/32", "dev", device, "src",
            self.hosts[sender])

    def cut(self, sender, receiver):
        """Lets nothing that one host sends reach another; the other way stays open."""
        _ip("-n", self._namespaces[sender], "route", "replace", "blackhole", f"{self.hosts[receiver]}/32")

    def isolate(self, index):
        """Cuts a host off from the others, both ways; the tests' clients still reach it."""
        for other in range(len(self.hosts)):
            if other != index:
                self.cut(index, other)
                self.cut(other, index)

    def isolate_wholly(self, index):
        """Cuts a host off from everything, the tests' clients too."""
        self.isolate(index)
        _ip("-n", self._namespaces[index], "route", "replace", "blackhole", f"{self.outside}/32")

    def heal(self):
        for namespace in self._namespaces:
            for line in _ip("-n", namespace, "route", "show", "type", "blackhole").splitlines():
                _ip("-n", namespace, "route", "del", "blackhole", line.split()[1])

    def close(self):
        for namespace in self._namespaces:
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)
        subprocess.run(["ip", "link", "del", self._bridge], capture_output=True)
