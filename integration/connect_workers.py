"""Workers of Apache Kafka Connect, each a JVM of its own, and what their REST interface says."""

import json
import urllib.error
import urllib.request

from jpype import JClass

import java_clients
from martlet import Process, eventually, free_port
from servers import write_properties

JARS = java_clients.CLIENT_JARS + (
    "aopalliance-repackaged", "classgraph", "commons-lang3", "connect-api", "connect-file", "connect-json",
    "connect-runtime", "connect-transforms", "hk2-api", "hk2-locator", "hk2-utils", "jackson-annotations",
    "jackson-core", "jackson-databind", "jackson-jakarta-rs-base", "jackson-jakarta-rs-json-provider",
    "jackson-datatype-jdk8", "jackson-module-blackbird",
    "jackson-module-jakarta-xmlbind-annotations", "jakarta.activation-api", "jakarta.annotation-api",
    "jakarta.inject-api", "jakarta.servlet-api", "jakarta.validation-api", "jakarta.ws.rs-api", "jakarta.xml.bind-api",
    "javassist", "jersey-client", "jersey-common", "jersey-container-servlet", "jersey-container-servlet-core",
    "jersey-hk2", "jersey-server", "jetty-alpn-client", "jetty-client", "jetty-ee10-servlet", "jetty-ee10-servlets",
    "jetty-http", "jetty-io", "jetty-server", "jetty-session", "jetty-util", "maven-artifact",
    "osgi-resource-locator")


def add_security_handler(directory):
    """Writes the one class that a worker's web server names and the wheel lacks (its jetty-security is of an older
    Jetty). It is never made: the worker asks for no logins."""
    java_clients.start()
    paths = [JClass("java.io.File")(path).toURI().toURL() for path in java_clients.jars("javassist")]
    loader = JClass("java.net.URLClassLoader")(paths)
    pool = JClass(loader.loadClass("javassist.ClassPool"))()
    pool.appendSystemPath()
    for path in java_clients.jars("jetty-server", "jetty-util", "jetty-io", "jetty-http"):
        pool.appendClassPath(path)
    made = pool.makeClass(
        "org.eclipse.jetty.security.SecurityHandler", pool.get("org.eclipse.jetty.server.Handler$Wrapper"))
    made.setModifiers(JClass("java.lang.reflect.Modifier").PUBLIC | JClass("java.lang.reflect.Modifier").ABSTRACT)
    made.writeFile(str(directory))


class Refused(Exception):
    """What a worker says instead of doing it; the status is its first argument."""


class ConnectWorker(Process):
    """One of a group of workers, or with files of connectors one that is alone and keeps its offsets in a file."""

    def __init__(self, name, directory, classes, address, connectors=(), **settings):
        self.port = free_port()
        values = {
            "bootstrap.servers": address, "group.id": "workers", "offset.flush.interval.ms": 500,
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "listeners": f"HTTP://127.0.0.1:{self.port}", "rest.advertised.host.name": "127.0.0.1",
            "plugin.discovery": "service_load"}
        if connectors:
            values["offset.storage.file.filename"] = directory / "offsets"
        else:
            values |= {
                f"{kind}.storage.replication.factor": 1 for kind in ("offset", "config", "status")} | {
                "offset.storage.topic": "worker-offsets", "offset.storage.partitions": 3,
                "config.storage.topic": "worker-configs", "status.storage.topic": "worker-status",
                "status.storage.partitions": 2,
                # So that the work of one that dies is soon taken over.
                "session.timeout.ms": 6000, "heartbeat.interval.ms": 500, "scheduled.rebalance.max.delay.ms": 1000}
        config = write_properties(
            directory / "worker.properties", values | {key.replace("_", "."): value for key, value in settings.items()})
        files = [
            write_properties(directory / f"{one['name']}.properties", one) for one in connectors]
        main = "ConnectStandalone" if connectors else "ConnectDistributed"
        super().__init__(name, directory, [
            "java", "-Xmx160m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.apache.logging.log4j.level=INFO",
            "-cp", ":".join([str(classes), *java_clients.jars(*JARS)]), f"org.apache.kafka.connect.cli.{main}", config,
            *files])

    @property
    def identity(self):
        """As other workers and the status of tasks name it."""
        return f"127.0.0.1:{self.port}"

    def ask(self, path, method="GET", body=None):
        """What it answers. Raises Refused."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}", method=method, headers={"Content-Type": "application/json"},
            data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as refusal:
            raise Refused(refusal.code, refusal.read().decode()) from None

    def wait_until_serving(self):
        def serves():
            assert self.is_running, f"{self.name} ended:\n{self.tail()}"
            return self.ask("connectors") is not None
        eventually(serves, f"{self.name} serves")
        return self

    def connect(self, name, **config):
        eventually(
            lambda: self.ask(f"connectors/{name}/config", "PUT", config), f"{name} is made")

    def states(self, name):
        """The connector's own state and that of each of its tasks, with the worker that has it."""
        status = self.ask(f"connectors/{name}/status")
        return [(one["state"], one["worker_id"]) for one in [status["connector"], *status["tasks"]]]

    def wait_until(self, name, state, tasks):
        """Waits until a connector and so many tasks of it are in a state, on workers that are known; answers whose."""
        def are():
            states = self.states(name)
            return len(states) == tasks + 1 and {one for one, _ in states} == {state} and states
        return [worker for _, worker in eventually(are, f"{name} is {state}")]
