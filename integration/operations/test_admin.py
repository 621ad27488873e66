"""The coordinator's HTTP port for operators, side by side with that of Apache ZooKeeper where it has the same."""

import json
import socket
import ssl
import subprocess
import uuid

import pytest
from kazoo.client import KazooClient

from martlet import BINARIES, eventually, http
from servers import four_letter_word


def get(coordinator, path, method="GET"):
    return http(coordinator.admin_port, path, method)


def command(coordinator, name):
    status, kind, text = get(coordinator, f"/commands/{name}")
    assert status == 200 and kind == "application/json", text
    return json.loads(text)


@pytest.fixture
def client(coordinator):
    client = KazooClient(coordinator.address)
    client.start()
    yield client
    client.stop()


def test_health(coordinator):
    for path in ("/health", "/health/ready", "/health/live"):
        status, _, text = get(coordinator, path)
        assert status == 200 and json.loads(text) == {
            "status": "ok", "role": "standalone", "cause": None}


def test_all_commands_are_linked_and_answer(coordinator):
    status, _, text = get(coordinator, "/commands")
    links = [line.split('"')[1] for line in text.splitlines() if line.startswith("<a ")]
    assert status == 200 and len(links) >= 26 and links == sorted(links)
    for link in links:
        if link.endswith(("/restore", "/snapshot")):
            continue
        answer = command(coordinator, link.removeprefix("/commands/"))
        assert list(answer)[-2:] == ["command", "error"]


def test_the_fields_of_zookeeper(coordinator, client):
    path = f"/admin-{uuid.uuid4().hex[:8]}"
    client.create(path, b"x", ephemeral=True)
    client.get(path, watch=lambda event: None)
    session = client.client_id[0]
    assert {"packets_sent", "server_state", "outstanding_requests", "avg_latency", "last_processed_zxid"} <= set(
        command(coordinator, "srvr")["server_stats"])
    connections = command(coordinator, "cons")["connections"]
    assert session in [connection["session_id"] for connection in connections]
    assert path in command(coordinator, "dump")["session_id_to_ephemeral_paths"][str(session)]
    assert command(coordinator, "wchp")["path_to_session_ids"][path] == [session]
    monitor = command(coordinator, "mntr")
    assert monitor["server_state"] == "standalone" and monitor["znode_count"] >= 6
    shown = dict(line.split("\t") for line in four_letter_word(coordinator.port, "mntr").splitlines())
    assert {f"zk_{name}" for name in monitor if name not in ("command", "error")} == set(shown)


def test_secrets_are_not_shown(stage):
    coordinator = stage.coordinator(**{"DigestAuthenticationProvider.superDigest": "super:hash"}).start()
    assert "superDigest=***" in command(coordinator, "icfg")["initial_configuration"]
    assert "super:hash" not in json.dumps(command(coordinator, "sysp"))


def test_a_taken_port_is_a_warning(stage):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        coordinator = stage.coordinator(**{"admin.serverPort": listening.getsockname()[1]}).start()
        assert "no AdminServer on 127.0.0.1" in coordinator.log()


def test_what_is_no_request(coordinator):
    assert get(coordinator, "/commands/nope")[2].find("Unknown command: nope") > 0
    assert get(coordinator, "/")[0] == 404
    assert get(coordinator, "/commands/ruok", method="POST")[0] == 405
    with socket.create_connection(("127.0.0.1", coordinator.admin_port), timeout=10) as connection:
        connection.sendall(b"\x00\x00\x00\x2c" + bytes(range(44)) + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert command(coordinator, "ruok")["error"] is None


def over_tls(coordinator, certificates, user=None, host="server"):
    context = ssl.create_default_context(cafile=certificates.authority)
    if user:
        context.load_cert_chain(certificates.bundle(user))
    # The port is opened when clients are served already.
    def connect():
        try:
            return socket.create_connection(("127.0.0.1", coordinator.admin_port), timeout=10)
        except ConnectionRefusedError:
            return None
    with eventually(connect, "operators are served") as connection:
        with context.wrap_socket(connection, server_hostname=host) as tls:
            tls.sendall(b"GET /commands/ruok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            answer = b""
            while part := tls.recv(65536):
                answer += part
    return answer.decode()


@pytest.mark.parametrize("setting", ["admin.portUnification", "admin.forceHttps"])
def test_tls(stage, setting):
    certificates = stage.certificates
    coordinator = stage.coordinator(tls=True, **{setting: "true", "admin.rateLimiterIntervalInMS": "0"}).start()
    assert over_tls(coordinator, certificates).startswith("HTTP/1.1 200 OK")
    if setting == "admin.portUnification":
        assert get(coordinator, "/commands/ruok")[0] == 200
    else:
        with pytest.raises(OSError):
            get(coordinator, "/commands/ruok")
    # The tool compares the certificate's name with the host that it dials.
    file = stage.directory / "backup"
    result = subprocess.run(
        [BINARIES / "martlet", "coordinator", "backup", "--server", f"localhost:{coordinator.admin_port}", "--auth",
         "any:body", "--tls-trust", certificates.authority, "--to", file], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and file.exists(), result.stderr


def test_tls_with_certificates_of_operators(stage):
    certificates = stage.certificates
    coordinator = stage.coordinator(
        tls=True, **{"admin.forceHttps": "true", "admin.needClientAuth": "true"}).start()
    assert over_tls(coordinator, certificates, user="alice").startswith("HTTP/1.1 200 OK")
    with pytest.raises(OSError):
        assert over_tls(coordinator, certificates) != ""
