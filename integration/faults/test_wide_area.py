"""That the wide-area link which measurements use is as long and as wide as it says."""

import subprocess
import sys

import pytest

from namespaces import Network
from wide_area import WideArea

ROUND_TRIP_MS, MEGABITS = 100, 8
PORT = 5000
SENT = 2_000_000

# The host that answers: each byte of a first connection, and with one byte when all of a second one has come.
ANSWERS = f"""
import socket
server = socket.create_server(("0.0.0.0", {PORT}))
print("is ready", flush=True)
connection, _ = server.accept()
while byte := connection.recv(1):
    connection.sendall(byte)
connection, _ = server.accept()
come = 0
while come < {SENT}:
    come += len(connection.recv(1 << 20))
connection.sendall(b".")
"""

# The host that asks, and prints seconds: of the quickest of some round trips, and of the whole of a long way.
ASKS = f"""
import socket, sys, time
def seconds(work):
    began = time.monotonic()
    work()
    return time.monotonic() - began
connection = socket.create_connection((sys.argv[1], {PORT}))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print(min(seconds(lambda: (connection.sendall(b"?"), connection.recv(1))) for _ in range(10)))
connection.close()
connection = socket.create_connection((sys.argv[1], {PORT}))
print(seconds(lambda: (connection.sendall(bytes({SENT})), connection.recv(1))))
"""


@pytest.fixture
def network():
    network = Network(2)
    try:
        yield network
    finally:
        network.close()


def test_the_link_is_as_long_and_as_wide_as_it_says(stage, network):
    stage.add(WideArea(stage.directory / "link", network, round_trip_ms=ROUND_TRIP_MS, megabits=MEGABITS)).start()
    server = stage.process("answers", network.command(0, [sys.executable, "-c", ANSWERS])).launch()
    server.wait_for_log("is ready")
    told = subprocess.run(
        network.command(1, [sys.executable, "-c", ASKS, network.hosts[0]]), check=True, capture_output=True, text=True,
        timeout=120).stdout
    round_trip, transfer = map(float, told.split())
    least = SENT * 8 / (MEGABITS * 1e6)
    assert ROUND_TRIP_MS / 1000 <= round_trip < 2 * ROUND_TRIP_MS / 1000
    # Besides the bytes themselves headers, a handshake before and the answer after.
    assert least + ROUND_TRIP_MS / 1000 <= transfer < 2.5 * least
