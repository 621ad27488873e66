"""Connections that say nonsense: each is closed with one line in the log, and others go on unharmed."""

import random
import socket
import ssl
import struct

import pytest
from confluent_kafka.admin import AdminClient

from martlet import DEADLINE, eventually
from servers import four_letter_word


@pytest.fixture
def servers(broker, coordinator):
    return {
        "broker": (broker, broker.port), "broker-tls": (broker, broker.tls_port),
        "coordinator": (coordinator, coordinator.port), "coordinator-tls": (coordinator, coordinator.secure_port)}


def open_connection(port):
    return socket.create_connection(("127.0.0.1", port), DEADLINE)


def wait_for_end(connection):
    """Reads until the server ends the connection, cleanly or not."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass


def warnings_about(server, connection_name):
    return [line for line in server.log().splitlines() if connection_name in line and " INFO " not in line]


def assert_closes(server, port, sent, expected=()):
    """Sends bytes; the server ends that connection, with one warning that names the peer."""
    with open_connection(port) as connection:
        name = "{}:{}".format(*connection.getsockname())
        # One of before may have come from the same port, to another one of the server's.
        earlier = len(warnings_about(server, name))
        try:
            connection.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            pass
        wait_for_end(connection)
    [line] = eventually(lambda: warnings_about(server, name)[earlier:], f"a line about {name} is logged")
    for part in expected:
        assert part in line, line


def assert_serves(broker, coordinator):
    assert broker.is_running and coordinator.is_running
    metadata = AdminClient({"bootstrap.servers": broker.address}).list_topics(timeout=DEADLINE)
    assert list(metadata.brokers) == [1]
    assert four_letter_word(coordinator.port, "ruok") == "imok"


def client_hello():
    """The first bytes that a TLS client sends."""
    outgoing = ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["broker", "broker-tls", "coordinator", "coordinator-tls"])
def test_random_bytes(servers, broker, coordinator, name, seed):
    noise = bytearray(random.Random(seed).randbytes(5000))
    # As a length, these are surely too large.
    noise[0] |= 0x40
    assert_closes(*servers[name], bytes(noise))
    assert_serves(broker, coordinator)


@pytest.mark.parametrize("name", ["broker", "coordinator"])
def test_tls_hello_to_a_plaintext_port(servers, broker, coordinator, name):
    assert_closes(*servers[name], client_hello(), ["TLS"])
    assert_serves(broker, coordinator)


@pytest.mark.parametrize("name", ["broker-tls", "coordinator-tls"])
def test_plaintext_to_a_tls_port(servers, broker, coordinator, name):
    request = struct.pack(">ihhih4s", 14, 18, 0, 1, 4, b"test")
    assert_closes(*servers[name], request, ["plaintext on a TLS listener"])
    assert_serves(broker, coordinator)


@pytest.mark.parametrize("length", [-1, 0x7FFFFFFF, 200 << 20])
@pytest.mark.parametrize("name", ["broker", "coordinator"])
def test_a_frame_of_impossible_length(servers, broker, coordinator, name, length):
    assert_closes(*servers[name], struct.pack(">i", length) + bytes(100))
    assert_serves(broker, coordinator)


def test_an_unknown_request(servers, broker, coordinator):
    request = struct.pack(">hhih4s", 999, 0, 1, 4, b"test")
    assert_closes(*servers["broker"], struct.pack(">i", len(request)) + request, ["no such API key"])
    assert_serves(broker, coordinator)


@pytest.mark.parametrize("key", [0, 1, 2, 3, 10, 11, 18, 19, 22, 32])
def test_requests_cut_short(servers, broker, coordinator, key):
    # A header and then noise instead of the request's fields.
    request = struct.pack(">hhih4s", key, 1, 7, 4, b"test") + b"\x7f\xff\xff\xff" * 3
    with open_connection(broker.port) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        connection.shutdown(socket.SHUT_WR)
        wait_for_end(connection)
    assert_serves(broker, coordinator)


def test_half_open_connections_harm_nobody(servers, broker, coordinator):
    silent = [open_connection(port) for _, port in servers.values() for _ in range(25)]
    for number, connection in enumerate(silent):
        # Some begin a frame that never ends, some say nothing.
        if number % 2:
            connection.sendall(b"\x00\x00")
    assert_serves(broker, coordinator)
    for connection in silent:
        connection.close()
    assert_serves(broker, coordinator)


def test_peers_that_vanish(servers, broker, coordinator):
    for _, port in servers.values():
        for _ in range(25):
            connection = open_connection(port)
            connection.sendall(b"\x00\x00\x00")
            # The kernel answers with a reset instead of an end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
    assert_serves(broker, coordinator)


@pytest.mark.parametrize("name", ["broker-tls", "coordinator-tls"])
def test_a_peer_that_leaves_the_handshake_is_named(servers, broker, coordinator, name):
    server, port = servers[name]
    with open_connection(port) as connection:
        peer = "{}:{}".format(*connection.getsockname())
        earlier = len(warnings_about(server, peer))
        connection.sendall(client_hello()[:20])
    [line] = eventually(lambda: warnings_about(server, peer)[earlier:], "its leaving is logged")
    assert "left during the handshake" in line


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["broker-tls", "coordinator-tls"])
def test_a_client_without_certificate_is_refused_and_the_log_says_why(
        servers, broker, coordinator, certificates, name, version):
    server, port = servers[name]
    context = ssl.create_default_context(cafile=str(certificates.authority))
    context.maximum_version = context.minimum_version = version
    with open_connection(port) as connection:
        peer = "{}:{}".format(*connection.getsockname())
        earlier = len(warnings_about(server, peer))
        # In TLS 1.3 the refusal comes after the client's part of the handshake.
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            with context.wrap_socket(connection, server_hostname="localhost") as secured:
                secured.recv(1)
                raise ssl.SSLError("the server ended the connection")
    [line] = eventually(lambda: warnings_about(server, peer)[earlier:], "the refusal is logged")
    assert "certificate" in line, line
    assert_serves(broker, coordinator)
