"""Brokers that prove to their coordinators who they are, ours and Apache's, and keep their tree from others."""

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError

from kerberos import REALM, SERVER
from load import Load, assert_all_arrived
from logins import PROVIDER, USERS, users_settings, write_digest_jaas
from martlet import DEADLINE, eventually

JAAS = "java.security.auth.login.config"


@pytest.fixture(params=["ours", "apache"])
def coordinators(request, stage):
    """Starts a coordinator of one of both kinds that authenticates by a JAAS file."""
    def start(settings, realm=None):
        apache = request.param == "apache"
        flags = f"-Xmx256m -D{JAAS}={settings[JAAS]}" + (
            f" -Djava.security.krb5.conf={realm.configuration}" if realm else "")
        coordinator = stage.coordinator(
            apache=apache, **({"jvm_flags": flags, "authProvider.1": PROVIDER} if apache else settings))
        if realm and not apache:
            coordinator.environment = realm.environment
        return coordinator.start()
    return start


def acl(coordinator, path):
    """Of a node, as `scheme:id:permissions`, asked by nobody in particular."""
    client = KazooClient(coordinator.address, timeout=10)
    client.start(timeout=DEADLINE)
    try:
        with pytest.raises(NoAuthError):
            client.create(f"{path}/intruder")
        return sorted(f"{entry.id.scheme}:{entry.id.id}:{entry.perms}" for entry in client.get_acls(path)[0])
    finally:
        client.stop()
        client.close()


def serve(broker, topic):
    broker.start()
    load = Load(broker.address, topic)
    load.wait_for(2000)
    load.end()
    assert_all_arrived(load, broker.address)


def test_by_a_password(stage, coordinators, tmp_path, topic):
    coordinator = coordinators(users_settings(tmp_path))
    jaas = write_digest_jaas(tmp_path / "broker.jaas", "bob", USERS["bob"])
    broker = stage.broker(coordinator, **{JAAS: jaas, "zookeeper.set.acl": "true"})
    serve(broker, topic)
    for path in ("/brokers/topics", f"/brokers/topics/{topic}", "/brokers/ids/1", "/controller", "/config/topics"):
        assert acl(coordinator, path) == ["sasl:bob:31", "world:anyone:1"], path
    # Where secrets stand.
    nobody = KazooClient(coordinator.address, timeout=10)
    nobody.start(timeout=DEADLINE)
    with pytest.raises(NoAuthError):
        nobody.get_children("/config/users")
    nobody.stop()
    nobody.close()
    assert broker.stop() == 0


def test_by_a_wrong_password(stage, coordinators, tmp_path):
    coordinator = coordinators(users_settings(tmp_path))
    jaas = write_digest_jaas(tmp_path / "broker.jaas", "bob", "wrong")
    broker = stage.broker(coordinator, **{JAAS: jaas}).launch()
    assert broker.process.wait(DEADLINE) == 1
    assert "the coordinator does not accept user bob of DIGEST-MD5" in broker.log()


def test_by_kerberos(stage, coordinators, realm, topic):
    coordinator = coordinators({JAAS: realm.jaas("Server", SERVER), "authProvider.1": PROVIDER}, realm)
    broker = stage.broker(coordinator, **{
        JAAS: realm.jaas("Client", f"kafka@{REALM}"), "zookeeper.set.acl": "true",
        "zookeeper.server.principal": SERVER})
    broker.environment = realm.environment
    serve(broker, topic)
    [own, everybody] = acl(coordinator, "/brokers/topics")
    assert own.startswith("sasl:kafka") and own.endswith(":31") and everybody == "world:anyone:1"


def test_a_broker_outlives_the_leader_of_its_ensemble(stage, tmp_path, topic):
    ensemble = stage.ensemble(**users_settings(tmp_path)).start()
    jaas = write_digest_jaas(tmp_path / "broker.jaas", "bob", USERS["bob"])
    broker = stage.broker(ensemble, **{JAAS: jaas, "zookeeper.set.acl": "true"}).start()
    load = Load(broker.address, topic)
    load.wait_for(2000)
    leader = eventually(ensemble.leader, "a member leads")
    leader.kill()
    load.wait_for(2000)
    load.end()
    assert_all_arrived(load, broker.address)
    eventually(ensemble.leader, "a member leads")
    assert broker.log().count("registered broker 1") == 1
    assert broker.stop() == 0
