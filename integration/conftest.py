"""Fixtures: servers that one test file shares, and servers of a test's own that it may harm."""

import contextlib
import pathlib
import shutil
import tempfile
import uuid

import pytest

import java_clients
import kerberos
import sarama_clients
from martlet import Process
from servers import Broker, Certificates, Cluster, Coordinator, Ensemble, Mirror


class Stage:
    """Starts servers in folders of its own and ends every one of them when it is left, whatever happened."""

    def __init__(self, certificates):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="martlet-test-"))
        self.certificates = certificates
        self.servers = []

    def _folder(self, name):
        return self.directory / f"{len(self.servers)}-{name}"

    def add(self, server):
        """Takes care of the end of a server made elsewhere."""
        self.servers.append(server)
        return server

    def coordinator(self, tls=False, apache=False, **settings):
        certificates = self.certificates if tls else None
        return self.add(Coordinator(self._folder("coordinator"), certificates, apache, **settings))

    def ensemble(self, size=3, tls=False, **settings):
        certificates = self.certificates if tls else None
        return self.add(Ensemble(self._folder("ensemble"), size, certificates=certificates, **settings))

    def broker(self, coordinator, tls=False, **settings):
        return self.add(Broker(self._folder("broker"), coordinator, self.certificates if tls else None, **settings))

    def cluster(self, coordinator, size=3, tls=False, **settings):
        certificates = self.certificates if tls else None
        return self.add(Cluster(self._folder("cluster"), coordinator, size, certificates, **settings))

    def mirror(self, source, target, tls=False, **settings):
        return self.add(Mirror(self._folder("mirror"), source, target, self.certificates if tls else None, **settings))

    def process(self, name, command):
        return self.add(Process(name, self._folder(name), command))

    def logs(self):
        return [(str(server.log_path), server.tail()) for server in self.servers]

    def close(self):
        for server in reversed(self.servers):
            server.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@contextlib.contextmanager
def _stage(request, certificates):
    stage = Stage(certificates)
    request.node.stash.setdefault(_STAGES, []).append(stage)
    try:
        yield stage
    finally:
        stage.close()


_STAGES = pytest.StashKey()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def stage(request, certificates):
    """Servers of this test's own."""
    with _stage(request, certificates) as stage:
        yield stage


@pytest.fixture(scope="module")
def shared_stage(request, certificates):
    with _stage(request, certificates) as stage:
        yield stage


@pytest.fixture(scope="module")
def coordinator(shared_stage):
    """A coordinator with a plaintext and a TLS port, shared by the tests of a file."""
    return shared_stage.coordinator(tls=True).start()


@pytest.fixture(scope="module")
def broker(shared_stage, coordinator):
    """A broker with a PLAINTEXT and a TLS listener, shared by the tests of a file."""
    return shared_stage.broker(coordinator, tls=True).start()


@pytest.fixture(scope="module")
def realm(shared_stage, tmp_path_factory):
    """A Kerberos realm, shared by the tests of a file."""
    if not kerberos.is_installed():
        pytest.skip("krb5-kdc is not installed")
    return kerberos.Realm(shared_stage, tmp_path_factory.mktemp("realm"))


@pytest.fixture(params=["PLAINTEXT", "SSL"])
def security(request):
    """Both ways in, for tests that take each."""
    return request.param


@pytest.fixture
def topic(request):
    """The name of a topic that no other test uses."""
    words = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    return f"{words.strip('-')[:60]}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def sarama(tmp_path_factory):
    """The program of clients/sarama, built with Debian's Go and sarama."""
    return sarama_clients.build(tmp_path_factory.mktemp("sarama"))


@pytest.fixture
def java():
    """Apache's Java clients, closed after the test."""
    clients = java_clients.JavaClients()
    yield clients
    clients.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the ends of the servers' logs with every failure, and does not hide it among lost connections: librdkafka
    tells of each try, also of clients that earlier tests have left."""
    report = (yield).get_result()
    if not report.failed:
        return
    report.sections = [
        (name, "".join(line for line in text.splitlines(keepends=True) if "|FAIL|rdkafka" not in line))
        for name, text in report.sections]
    for node in item.listchain():
        for stage in node.stash.get(_STAGES, []):
            for path, tail in stage.logs():
                report.sections.append((f"end of the log {path}", tail))
