"""The servers under test: their configurations, and how one asks whether they serve."""

import os
import pathlib
import shutil
import socket
import subprocess

from confluent_kafka.admin import AdminClient, NewTopic

from martlet import BINARIES, DEADLINE, REPOSITORY, Process, eventually, free_port

APACHE = pathlib.Path("/usr/share/zookeeper/bin")


def write_properties(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{key}={value}\n" for key, value in values.items() if value is not None))
    return path


def four_letter_word(port, word, host="127.0.0.1", timeout=10):
    """What a coordinator answers on a connection of its own."""
    with socket.create_connection((host, port), timeout=timeout) as connection:
        connection.sendall(word.encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer.decode()


class Certificates:
    """An authority made by ops/certs with a certificate of host `server` and of user `alice`."""

    def __init__(self, directory, authority="test"):
        self.directory = pathlib.Path(directory)
        self.authority = self.directory / f"{authority}-ca.crt"
        subprocess.run(
            [REPOSITORY / "ops/certs", "--out", self.directory, "--ca", authority, "--host", "server",
             "--user", "alice"], check=True, stdout=subprocess.DEVNULL)

    def bundle(self, name):
        return self.directory / f"{name}.pem"

    def certificate(self, name):
        return self.directory / f"{name}.crt"

    def key(self, name):
        return self.directory / f"{name}.key"

    def client(self, name="alice", authority=None):
        """The settings of a librdkafka client of a user's."""
        return {
            "security.protocol": "SSL", "ssl.ca.location": str(authority or self.authority),
            "ssl.certificate.location": str(self.certificate(name)), "ssl.key.location": str(self.key(name))}


class CertificateFiles:
    """What a host shows and whom it trusts, in files of its own that are replaced under its hands, each at once."""

    def __init__(self, directory, certificates):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.authority = self.directory / "trusted.pem"
        self.trust(certificates)
        self.show(certificates)

    def _write(self, path, text):
        new = path.with_suffix(".new")
        new.write_text(text)
        os.replace(new, path)

    def trust(self, *certificates):
        self._write(self.authority, "".join(one.authority.read_text() for one in certificates))

    def show(self, certificates, name="server"):
        self._write(self.bundle("server"), certificates.bundle(name).read_text())

    def bundle(self, name):
        assert name == "server"
        return self.directory / "own.pem"


class Coordinator(Process):
    """martlet-coordinator, or with apache=True the ZooKeeper of Debian, over the same kind of configuration."""

    def __init__(self, directory, certificates=None, apache=False, jvm_flags="-Xmx256m", host="127.0.0.1",
                 **settings):
        directory = pathlib.Path(directory)
        self.host = host
        self.port = free_port()
        self.secure_port = free_port() if certificates else None
        self.admin_port = free_port()
        values = {
            "dataDir": directory / "data", "clientPort": self.port, "clientPortAddress": host,
            "tickTime": 500, "maxSessionTimeout": 60000, "4lw.commands.whitelist": "*",
            "admin.serverPort": self.admin_port, "admin.serverAddress": "127.0.0.1"}
        if certificates:
            values |= {
                "secureClientPort": self.secure_port, "secureClientPortAddress": "127.0.0.1",
                "ssl.keyStore.location": certificates.bundle("server"),
                "ssl.trustStore.location": certificates.authority}
        (directory / "data").mkdir(parents=True, exist_ok=True)
        if apache:
            values["admin.enableServer"] = "false"
        config = write_properties(directory / "zoo.cfg", values | settings)
        if apache:
            # Its scripts read logging and classpath from the folder of the configuration, and would else log to /var.
            environment = os.environ | {
                "ZOOCFGDIR": str(directory), "ZOO_LOG_DIR": str(directory), "JMXDISABLE": "true",
                "ZOO_LOG4J_PROP": "INFO,CONSOLE", "JVMFLAGS": jvm_flags}
            for name in ("environment", "log4j.properties", "configuration.xsl"):
                source = pathlib.Path("/etc/zookeeper/conf") / name
                if source.exists():
                    shutil.copy(source, directory)
            super().__init__("zookeeper", directory, [APACHE / "zkServer.sh", "start-foreground", config], environment)
        else:
            super().__init__("coordinator", directory, [BINARIES / "martlet-coordinator", config])

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    @property
    def secure_address(self):
        return f"{self.host}:{self.secure_port}"

    def mode(self):
        """What it says it is: standalone, leader, follower, observer; None while it serves nobody."""
        try:
            # Not for long: it may stand still.
            answer = four_letter_word(self.port, "srvr", self.host, timeout=3)
        except OSError:
            return None
        return next((line[6:] for line in answer.splitlines() if line.startswith("Mode: ")), None)

    @property
    def is_rebuilding(self):
        """Whether it serves, but counts in no election: it had nothing when the others had something, as if its disk
        were lost. Whoever comes last to a new ensemble does so for a moment. An observer never counts."""
        promise = self.directory / "data" / "promise"
        return self.mode() != "observer" and promise.exists() and promise.read_bytes()[25] == 1

    def wait_until_serving(self):
        def serves():
            assert self.is_running, f"{self.name} ended:\n{self.tail()}"
            return self.mode()
        eventually(serves, f"{self.name} serves")

    def start(self):
        self.launch()
        def serves():
            assert self.is_running, f"{self.name} ended:\n{self.tail()}"
            # Not for long: while Apache's starts it may leave a connection without an answer for ever.
            return four_letter_word(self.port, "ruok", self.host, timeout=2) == "imok"
        eventually(serves, f"{self.name} serves")
        return self


class Ensemble:
    """Coordinators that are members of one ensemble, numbered from 1; the last `observers` of them have no vote."""

    def __init__(self, directory, size=3, observers=0, certificates=None, apache=False, hosts=None, **settings):
        directory = pathlib.Path(directory)
        hosts = hosts or ["127.0.0.1"] * (size + observers)
        roles = ["participant"] * size + ["observer"] * observers
        self.lines = {
            f"server.{number}": f"{host}:{free_port()}:{free_port()}:{role}"
            for number, (host, role) in enumerate(zip(hosts, roles), 1)}
        self.members = []

        def add(number, host, role):
            folder = directory / str(number)
            (folder / "data").mkdir(parents=True, exist_ok=True)
            (folder / "data" / "myid").write_text(f"{number}\n")
            own = {"peerType": "observer"} if role == "observer" else {}
            values = {"initLimit": 10, "syncLimit": 5} | own | self.lines | settings
            self.members.append(Coordinator(folder, certificates, apache, host=host, **values))
            return self.members[-1]
        self._add = add
        for number, (host, role) in enumerate(zip(hosts, roles), 1):
            add(number, host, role)

    def newcomer(self):
        """A further member that knows all others, and the line by which they are to know it; not started."""
        number = len(self.members) + 1
        self.lines[f"server.{number}"] = f"127.0.0.1:{free_port()}:{free_port()}:participant"
        return self._add(number, "127.0.0.1", "participant"), f"server.{number}={self.lines[f'server.{number}']}"

    def start(self):
        for member in self.members:
            member.launch()
        for member in self.members:
            member.wait_until_serving()
        for member in self.members:
            eventually(lambda: not member.is_rebuilding, f"{member.directory} counts")
        return self

    @property
    def address(self):
        return ",".join(member.address for member in self.members)

    @property
    def secure_address(self):
        return ",".join(member.secure_address for member in self.members)

    def leader(self):
        """The member that leads, when one that runs says so."""
        for member in self.members:
            if member.is_running and member.mode() in ("leader", "standalone"):
                return member
        return None

    def followers(self):
        return [member for member in self.members if member.is_running and member.mode() == "follower"]

    def kill(self):
        for member in self.members:
            member.kill()

    @property
    def port(self):
        """Of a member's."""
        return self.members[0].port

    @property
    def name(self):
        return "ensemble"

    def tail(self, lines=40):
        return "\n".join(f"-- {member.directory}\n{member.tail(lines)}" for member in self.members)

    @property
    def log_path(self):
        return self.members[0].directory.parent


class Broker(Process):
    """martlet-broker with a PLAINTEXT listener and, with certificates, a mutual TLS listener.

    With only_tls it speaks nothing else, also to other brokers and to the coordinators, which must have certificates.
    """

    def __init__(
            self, directory, coordinator, certificates=None, broker_id=1, host="127.0.0.1", only_tls=False,
            data=("data",), **settings):
        directory = pathlib.Path(directory)
        self.id = broker_id
        self.host = host
        self.port = None if only_tls else free_port()
        self.tls_port = free_port() if certificates else None
        self.directories = [directory / name for name in data]
        self.data = self.directories[0]
        listeners = [] if only_tls else [f"PLAINTEXT://{host}:{self.port}"]
        values = {
            "broker.id": broker_id, "log.dirs": ",".join(map(str, self.directories)),
            "zookeeper.connect": coordinator.address,
            "zookeeper.session.timeout.ms": 6000, "num.partitions": 3, "offsets.topic.num.partitions": 4,
            "offsets.topic.replication.factor": 1, "group.initial.rebalance.delay.ms": 0}
        if certificates:
            listeners.append(f"SSL://{host}:{self.tls_port}")
            values |= {
                "ssl.keystore.type": "PEM", "ssl.keystore.location": certificates.bundle("server"),
                "ssl.truststore.type": "PEM", "ssl.truststore.location": certificates.authority,
                "ssl.client.auth": "required"}
        if only_tls:
            values |= {
                "security.inter.broker.protocol": "SSL", "zookeeper.connect": coordinator.secure_address,
                "zookeeper.ssl.client.enable": "true", "zookeeper.ssl.keystore.type": "PEM",
                "zookeeper.ssl.keystore.location": certificates.bundle("server"), "zookeeper.ssl.truststore.type": "PEM",
                "zookeeper.ssl.truststore.location": certificates.authority}
        self.config = write_properties(
            directory / "server.properties",
            values | {"listeners": ",".join(listeners)} | {key.replace("_", "."): value for key, value in settings.items()})
        super().__init__(f"broker{broker_id}", directory, [BINARIES / "martlet-broker", self.config])

    @property
    def address(self):
        return f"{self.host}:{self.port or self.tls_port}"

    @property
    def tls_address(self):
        return f"{self.host}:{self.tls_port}"

    def partition(self, name):
        """Where the log of a partition lies."""
        return next(folder / name for folder in self.directories if (folder / name).exists())

    def start(self):
        ready = self.log().count("is ready")
        self.launch()
        self.wait_for_log("is ready", ready + 1)
        return self


def wait_until_acquainted(brokers, security=None):
    """Waits until each of the brokers tells of all of them: it hears of another a moment after that one is ready."""
    for broker in brokers:
        admin = AdminClient({"bootstrap.servers": broker.address} | (security or {}))
        eventually(lambda: len(admin.list_topics(timeout=10).brokers) == len(brokers), f"{broker.name} knows the others")


class Cluster:
    """Brokers of one cluster, numbered from 1, whose topics have three replicas of which two must be in sync.

    `security` is what clients need to be let in besides the address.
    """

    def __init__(self, directory, coordinator, size=3, certificates=None, hosts=None, racks=None, **settings):
        directory = pathlib.Path(directory)
        self.coordinator = coordinator
        self.security = {}
        values = {
            "default.replication.factor": min(size, 3), "offsets.topic.replication.factor": min(size, 3),
            "min.insync.replicas": min(size, 2)}
        self.brokers = [
            Broker(directory / str(number), coordinator, certificates, broker_id=number,
                   host=hosts[number - 1] if hosts else "127.0.0.1",
                   **(values | settings | ({"broker.rack": racks[number - 1]} if racks else {})))
            for number in range(1, size + 1)]

    def start(self):
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.wait_for_log("is ready")
        wait_until_acquainted(self.brokers, self.security)
        return self

    def broker(self, number):
        return self.brokers[number - 1]

    @property
    def address(self):
        return ",".join(broker.address for broker in self.brokers)

    @property
    def tls_address(self):
        return ",".join(broker.tls_address for broker in self.brokers)

    def metadata(self):
        """As a client is told by whoever answers."""
        return self.admin().list_topics(timeout=10)

    def admin(self):
        return AdminClient({"bootstrap.servers": self.address} | self.security)

    def controller(self):
        """The broker that holds the office; waits until one does."""
        return self.broker(eventually(lambda: max(self.metadata().controller_id, 0), "there is a controller"))

    def partitions(self, topic):
        return self.metadata().topics[topic].partitions

    def leader(self, topic, partition=0):
        """The broker that leads; waits until one does."""
        return self.broker(eventually(
            lambda: max(self.partitions(topic)[partition].leader, 0), f"somebody leads {topic}-{partition}"))

    def create(self, topic, partitions, replicas=3):
        """Makes a topic, and waits until all its replicas are in sync."""
        admin = self.admin()
        admin.create_topics([NewTopic(topic, partitions, replicas)])[topic].result(DEADLINE)
        self.wait_until_in_sync(topic)

    def wait_until_in_sync(self, topic):
        """Waits until every broker says that every replica of every partition is in sync.

        One that was cut off says so from before, and may take itself for a leader still.
        """
        def says_so(broker):
            admin = AdminClient({"bootstrap.servers": broker.address} | self.security)
            partitions = admin.list_topics(timeout=10).topics[topic].partitions.values()
            return all(len(one.isrs) == len(one.replicas) for one in partitions)
        for broker in filter(lambda broker: broker.is_running, self.brokers):
            eventually(lambda: says_so(broker), f"all replicas of {topic} are in sync, says {broker.name}")

    def kill(self):
        for broker in self.brokers:
            broker.kill()

    def tail(self, lines=40):
        return "\n".join(f"-- {broker.name}\n{broker.tail(lines)}" for broker in self.brokers)

    @property
    def log_path(self):
        return self.brokers[0].directory.parent


class Mirror(Process):
    """martlet-mirror from one broker to another, over mutual TLS when they have certificates."""

    def __init__(self, directory, source, target, certificates=None, topics=".*", **settings):
        directory = pathlib.Path(directory)
        values = {"clusters": "us-east, eu-west"}
        for alias, broker in (("us-east", source), ("eu-west", target)):
            values[f"{alias}.bootstrap.servers"] = broker.tls_address if certificates else broker.address
        if certificates:
            values |= {
                "security.protocol": "SSL", "ssl.truststore.location": certificates.authority,
                "ssl.keystore.location": certificates.bundle("alice")}
        values |= {
            "us-east->eu-west.enabled": "true", "us-east->eu-west.topics": topics,
            "refresh.topics.interval.seconds": 1, "emit.checkpoints.interval.seconds": 1}
        config = write_properties(
            directory / "mm2.properties",
            values | {key.replace("_", "."): value for key, value in settings.items()})
        super().__init__("mirror", directory, [BINARIES / "martlet-mirror", config])

    def start(self):
        copying = self.log().count("copies topics")
        self.launch()
        self.wait_for_log("copies topics", copying + 1)
        return self
