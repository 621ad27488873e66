"""Rules of access: who may do what, in a cluster that believes certificates alone, as real clients see it."""

import json
import subprocess
import uuid

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourcePatternType,
    ResourceType)
from kazoo.client import KazooClient

from links import assert_proven, exactly
from load import PARTITIONS, Load, read_all
from martlet import BINARIES, DEADLINE, REPOSITORY, eventually
from servers import write_properties

ALICE, BOB, MIRROR = "User:CN=alice,O=test", "User:CN=bob,O=test", "User:CN=mirror,O=test"
CONTROLLED = {
    "authorizer_class_name": "kafka.security.authorizer.AclAuthorizer",
    # Brokers, and the operator who makes the first rules.
    "super_users": "User:CN=server,O=test;User:CN=root,O=test",
}


@pytest.fixture(scope="module")
def people(certificates):
    """Certificates of others than alice, of the same authority."""
    subprocess.run(
        [REPOSITORY / "ops/certs", "--out", certificates.directory, "--ca", "test"]
        + [word for name in ("alice", "bob", "mirror", "root") for word in ("--user", name)],
        check=True, stdout=subprocess.DEVNULL)
    return certificates


def controlled(stage, size, **settings):
    coordinator = stage.coordinator(tls=True).start()
    cluster = stage.cluster(coordinator, size, tls=True, only_tls=True, **(CONTROLLED | settings))
    cluster.security = stage.certificates.client("root")
    return cluster.start()


@pytest.fixture(scope="module")
def cluster(shared_stage, people):
    return controlled(shared_stage, 3)


@pytest.fixture
def certs(people):
    return people


def rule(principal, operation, name, kind=ResourceType.TOPIC, pattern=ResourcePatternType.LITERAL,
         permission=AclPermissionType.ALLOW, host="*"):
    return AclBinding(kind, name, pattern, principal, host, operation, permission)


def add(cluster, *rules):
    # Futures end with the client whose they are.
    admin = cluster.admin()
    for future in admin.create_acls(list(rules)).values():
        future.result(DEADLINE)


def remove(cluster, *rules):
    filters = [
        AclBindingFilter(one.restype, one.name, one.resource_pattern_type, one.principal, one.host, one.operation,
                         one.permission_type) for one in rules]
    admin = cluster.admin()
    return [future.result(DEADLINE) for future in admin.delete_acls(filters).values()]


def written(address, certs, name, topic):
    """None when a user's record was taken, or why not."""
    producer = Producer(
        {"bootstrap.servers": address, "message.timeout.ms": 20000} | certs.client(name))
    results = []
    try:
        producer.produce(topic, b"x", partition=0, on_delivery=lambda error, _: results.append(error))
        producer.flush(30)
    except KafkaException as error:
        return error.args[0].name()
    return results[0] and results[0].name()


def shows(broker, certs, name, topic):
    """Whether a broker, which a new client asks first, shows a user the topic."""
    return AdminClient({"bootstrap.servers": broker.address} | certs.client(name)).list_topics(
        topic, timeout=10).topics[topic].error is None


def read(address, certs, name, topic, group):
    """What a user reads first, or why it reads nothing."""
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": group, "auto.offset.reset": "earliest",
         "session.timeout.ms": 6000} | certs.client(name))
    consumer.subscribe([topic])
    try:
        def poll():
            message = consumer.poll(1)
            if message is None:
                return None
            return message.error().name() if message.error() else message.value()
        return eventually(poll, f"{name} is told something about {topic}")
    finally:
        consumer.close()


def test_nobody_may_do_what_no_rule_allows_and_rules_count_on_every_broker(cluster, certs, topic):
    cluster.create(topic, 1)
    assert written(cluster.address, certs, "alice", topic) == "TOPIC_AUTHORIZATION_FAILED"
    assert read(cluster.address, certs, "alice", topic, "g") in (
        "TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED")
    may_write = rule(ALICE, AclOperation.WRITE, topic)
    add(cluster, may_write)
    for broker in cluster.brokers:
        eventually(lambda: written(broker.address, certs, "alice", topic) is None, f"{broker.name} lets alice write")
    assert written(cluster.address, certs, "bob", topic) == "TOPIC_AUTHORIZATION_FAILED"
    add(cluster, rule(BOB, AclOperation.READ, topic), rule(BOB, AclOperation.READ, "readers", ResourceType.GROUP))
    eventually(lambda: read(cluster.address, certs, "bob", topic, "readers") == b"x", "bob reads")
    assert read(cluster.address, certs, "bob", topic, "others") == "GROUP_AUTHORIZATION_FAILED"
    assert "Principal = User:CN=alice,O=test is Denied operation = DESCRIBE from host = 127.0.0.1" in "".join(one.log() for one in cluster.brokers)

    gone, = remove(cluster, may_write)
    assert [(one.principal, one.operation) for one in gone] == [(ALICE, AclOperation.WRITE)]
    for broker in cluster.brokers:
        eventually(lambda: written(broker.address, certs, "alice", topic) == "TOPIC_AUTHORIZATION_FAILED",
                   f"{broker.name} lets alice write no more")


def test_rules_about_prefixes_and_rules_that_deny(cluster, certs, topic):
    for name in (f"{topic}-open", f"{topic}-secret"):
        cluster.create(name, 1)
    add(cluster, rule(ALICE, AclOperation.ALL, topic, pattern=ResourcePatternType.PREFIXED),
        rule("User:*", AclOperation.WRITE, f"{topic}-secret", permission=AclPermissionType.DENY))
    eventually(lambda: written(cluster.address, certs, "alice", f"{topic}-open") is None, "alice writes")
    assert written(cluster.address, certs, "alice", f"{topic}-secret") == "TOPIC_AUTHORIZATION_FAILED"
    # Super users are above rules.
    assert written(cluster.address, certs, "root", f"{topic}-secret") is None
    admin = cluster.admin()
    found = admin.describe_acls(AclBindingFilter(
        ResourceType.TOPIC, f"{topic}-secret", ResourcePatternType.MATCH, None, None, AclOperation.ANY,
        AclPermissionType.ANY)).result(DEADLINE)
    assert sorted((one.name, one.principal) for one in found) == [
        (topic, ALICE), (f"{topic}-secret", "User:*")]


def test_administration_is_refused_too(cluster, certs, topic):
    cluster.create(topic, 1)
    alice = AdminClient({"bootstrap.servers": cluster.address} | certs.client("alice"))
    assert topic not in alice.list_topics(timeout=10).topics
    for future in (
            alice.create_topics([NewTopic(f"{topic}-new", 1, 1)])[f"{topic}-new"], alice.delete_topics([topic])[topic]):
        with pytest.raises(KafkaException) as refusal:
            future.result(DEADLINE)
        assert refusal.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    for future in alice.create_acls([rule(ALICE, AclOperation.ALL, topic)]).values():
        with pytest.raises(KafkaException) as refusal:
            future.result(DEADLINE)
        assert refusal.value.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED
    assert topic in cluster.admin().list_topics(timeout=10).topics


def test_rules_survive_kill_9_of_all_brokers(stage, people, topic):
    cluster = controlled(stage, 3)
    cluster.create(topic, PARTITIONS)
    add(cluster, rule(ALICE, AclOperation.WRITE, topic), rule(ALICE, AclOperation.READ, topic))
    for broker in cluster.brokers:
        eventually(lambda: shows(broker, people, "alice", topic), f"broker {broker.id} has heard of the rules")
    load = Load(cluster.address, topic, 500, **people.client("alice"))
    try:
        load.wait_for(500)
        for broker in cluster.brokers:
            broker.kill()
            load.wait_for(200)
            broker.start()
            cluster.wait_until_in_sync(topic)
        load.end()
    finally:
        load.abandon()
    load.assert_agrees(read_all(cluster.address, topic, **cluster.security))
    cluster.kill()
    for broker in cluster.brokers:
        broker.launch()
    for broker in cluster.brokers:
        assert eventually(lambda: written(broker.address, people, "alice", topic) is None, "alice writes again")
    assert written(cluster.address, people, "bob", topic) == "TOPIC_AUTHORIZATION_FAILED"


def test_what_apache_s_tools_put_into_the_tree_is_obeyed(stage, people, topic):
    cluster = controlled(stage, 2)
    cluster.create(topic, 1, 2)
    tree = KazooClient(cluster.coordinator.address)
    tree.start(timeout=DEADLINE)
    try:
        def put(path, *rules):
            tree.create(path, json.dumps({"version": 1, "acls": [
                {"principal": who, "permissionType": permission, "operation": operation, "host": "*"}
                for who, permission, operation in rules]}).encode(), makepath=True)
        put(f"/kafka-acl/Topic/{topic}", (ALICE, "Allow", "Write"), (BOB, "Allow", "All"))
        for broker in cluster.brokers:
            for name in ("alice", "bob"):
                eventually(lambda: written(broker.address, people, name, topic) is None, f"{name} writes")
        put(f"/kafka-acl-extended/prefixed/Topic/{topic[:5]}", (BOB, "Deny", "Write"))
        eventually(lambda: written(cluster.address, people, "bob", topic) == "TOPIC_AUTHORIZATION_FAILED", "bob stops")
        # What a broker makes stands as Apache's would make it, with its notice.
        add(cluster, rule(BOB, AclOperation.READ, "readers", ResourceType.GROUP),
            rule(BOB, AclOperation.READ, "red", ResourceType.GROUP, ResourcePatternType.PREFIXED))
        assert json.loads(tree.get("/kafka-acl/Group/readers")[0]) == {"version": 1, "acls": [
            {"principal": BOB, "permissionType": "Allow", "operation": "Read", "host": "*"}]}
        notices = [tree.get(f"/kafka-acl-changes/{one}")[0] for one in tree.get_children("/kafka-acl-changes")]
        assert b"GROUP:readers" in notices
        notices = [
            tree.get(f"/kafka-acl-extended-changes/{one}")[0]
            for one in tree.get_children("/kafka-acl-extended-changes")]
        assert {"version": 1, "resourceType": "GROUP", "name": "red", "patternType": "PREFIXED"} in map(
            json.loads, notices)
        # Rules that nobody can read deny all, and do no other harm.
        tree.set(f"/kafka-acl/Topic/{topic}", b"{")
        eventually(lambda: written(cluster.address, people, "alice", topic) == "TOPIC_AUTHORIZATION_FAILED", "alice stops")
        tree.delete(f"/kafka-acl/Topic/{topic}")
    finally:
        tree.stop()
        tree.close()


def test_mirrors_and_replication_work_under_rules(stage, people, topic):
    """The mirror has the rights that ops/runbooks/turn-on-access-control.md names, and no more."""
    source, target = controlled(stage, 2), controlled(stage, 2)
    source.create(topic, PARTITIONS, 2)
    for cluster in (source, target):
        add(cluster,
            rule(MIRROR, AclOperation.CLUSTER_ACTION, "kafka-cluster", ResourceType.BROKER),
            rule(MIRROR, AclOperation.CREATE, "kafka-cluster", ResourceType.BROKER),
            rule(MIRROR, AclOperation.DESCRIBE, "kafka-cluster", ResourceType.BROKER),
            rule(MIRROR, AclOperation.ALTER, "kafka-cluster", ResourceType.BROKER),
            rule(MIRROR, AclOperation.DESCRIBE_CONFIGS, "kafka-cluster", ResourceType.BROKER),
            rule(MIRROR, AclOperation.ALTER_CONFIGS, "kafka-cluster", ResourceType.BROKER),
            rule(MIRROR, AclOperation.ALL, "*"), rule(MIRROR, AclOperation.ALL, "*", ResourceType.GROUP))
    add(source, rule(ALICE, AclOperation.WRITE, topic))
    load = Load(source.address, topic, 500, **people.client("alice"))
    mirror = exactly(
        stage, source, target, tls=True, ssl_keystore_location=people.bundle("mirror")).start()
    try:
        load.wait_for(1000)
        target.leader(topic).kill()
        load.wait_for(500)
        load.end()
    finally:
        load.abandon()
    for broker in target.brokers:
        if not broker.is_running:
            broker.start()
    assert_proven(mirror, topic, PARTITIONS)
    load.assert_agrees(read_all(target.address, topic, **people.client("root")))


def test_a_broker_without_rights_does_not_replicate(stage, people, topic):
    """As in Apache's clusters: brokers are super users or have ClusterAction."""
    cluster = controlled(stage, 2, super_users="User:CN=root,O=test")
    admin = cluster.admin()
    admin.create_topics([NewTopic(topic, 1, 2)])[topic].result(DEADLINE)
    leader = cluster.leader(topic)
    eventually(lambda: "is Denied operation = CLUSTER_ACTION" in leader.log(), "the follower is refused")
    add(cluster, rule("User:CN=server,O=test", AclOperation.CLUSTER_ACTION, "kafka-cluster", ResourceType.BROKER))
    cluster.wait_until_in_sync(topic)
    assert written(cluster.address, people, "root", topic) is None


@pytest.fixture
def acls(cluster, certs, stage):
    """Runs martlet acls and returns what it printed."""
    config = write_properties(stage.directory / "root.properties", {
        "security.protocol": "SSL", "ssl.keystore.type": "PEM", "ssl.keystore.location": certs.bundle("root"),
        "ssl.truststore.type": "PEM", "ssl.truststore.location": certs.authority})

    def run(*arguments, given="", code=0):
        done = subprocess.run(
            [BINARIES / "martlet", "acls", "--bootstrap-server", cluster.address, "--command-config", config, *arguments],
            input=given, text=True, capture_output=True, timeout=90)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr
    return run


def test_martlet_acls(acls, cluster, certs, topic):
    cluster.create(topic, 1)
    group = uuid.uuid4().hex
    resource = f"`ResourcePattern(resourceType=TOPIC, name={topic}, patternType=LITERAL)`"

    def line(operation, permission="ALLOW"):
        return f"\t(principal={ALICE}, host=*, operation={operation}, permissionType={permission})"
    added = acls("--add", "--allow-principal", ALICE, "--producer", "--topic", topic)
    assert added == f"Adding ACLs for resource {resource}: \n " + "\n".join(
        line(one) for one in ("WRITE", "CREATE", "DESCRIBE")) + " \n\n"
    eventually(lambda: written(cluster.address, certs, "alice", topic) is None, "alice writes")
    acls("--add", "--allow-principal", ALICE, "--consumer", "--topic", topic, "--group", group)
    eventually(lambda: read(cluster.address, certs, "alice", topic, group) == b"x", "alice reads")
    # Each call asks any broker, and one may hear of a change after another has answered.
    def list_in_the_end(expected, *arguments):
        eventually(lambda: acls("--list", "--topic", topic, *arguments) == expected, f"{arguments} are {expected!r}")
    rules = f"Current ACLs for resource {resource}: \n " + "\n".join(
        line(one) for one in ("READ", "WRITE", "CREATE", "DESCRIBE")) + " \n\n"
    list_in_the_end(rules)
    list_in_the_end(f"ACLs for principal `{BOB}`\n", "--principal", BOB)
    acls("--add", "--deny-principal", ALICE, "--operation", "read", "--topic", topic[:8], "--resource-pattern-type",
         "prefixed")
    matching = ("--topic", topic, "--resource-pattern-type", "match")
    eventually(lambda: line("READ", "DENY") in acls("--list", *matching), "the rule for the prefix is listed")

    # Not without a yes.
    asked = acls("--remove", "--topic", topic, given="n\n")
    assert asked == f"Are you sure you want to delete all ACLs for resource filter {resource}? (y/n)\n"
    list_in_the_end(rules)
    acls("--remove", "--allow-principal", ALICE, "--operation", "Create", "--topic", topic, given="y\n")
    list_in_the_end(rules.replace(line("CREATE") + "\n", ""))

    def all_are_removed():
        acls("--remove", *matching, "--force")
        return acls("--list", *matching) == ""
    eventually(all_are_removed, "no rule is listed")
    acls("--remove", "--group", group, "--force")

    for wrong in (
            ["--add", "--topic", topic], ["--add", "--allow-principal", ALICE],
            ["--add", "--allow-principal", "alice", "--topic", topic],
            ["--add", "--allow-principal", ALICE, "--topic", topic, "--operation", "Fly"],
            ["--add", "--allow-principal", ALICE, "--group", group, "--operation", "Write"],
            ["--add", "--allow-principal", ALICE, "--topic", topic, "--resource-pattern-type", "match"],
            ["--add", "--allow-principal", ALICE, "--consumer", "--topic", topic], ["--add", "--list"],
            ["--list", "--allow-principal", ALICE], ["--remove"]):
        acls(*wrong, code=64)
    list_in_the_end("")
