"""What Prometheus finds, read by its own client library."""

import pytest
from kazoo.client import KazooClient
from prometheus_client.parser import text_string_to_metric_families

from martlet import free_port, http
from servers import four_letter_word

PROVIDER = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider"


@pytest.fixture(scope="module")
def watched(shared_stage):
    port = free_port()
    coordinator = shared_stage.coordinator(
        **{"metricsProvider.className": PROVIDER, "metricsProvider.httpPort": port,
           "metricsProvider.httpHost": "127.0.0.1"}).start()
    coordinator.metrics_port = port
    return coordinator


def metrics(coordinator):
    status, kind, text = http(coordinator.metrics_port, "/metrics")
    assert status == 200 and kind.startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(text))
    assert len(families) == len({family.name for family in families})
    assert all(family.documentation for family in families)
    # The library calls every counter a total.
    return {(sample.name.removesuffix("_total"), sample.labels.get("quantile")): sample.value
            for family in families for sample in family.samples}


def test_load_is_counted(watched):
    before = metrics(watched)
    client = KazooClient(watched.address)
    client.start()
    client.ensure_path("/metrics")
    client.get("/metrics", watch=lambda event: None)
    for _ in range(20):
        client.set("/metrics", b"x" * 100)
    after = metrics(watched)
    client.stop()
    def grown(name):
        return after[name, None] - before.get((name, None), 0)
    assert grown("updatelatency_count") >= 22 and grown("fsynctime_count") >= 20
    assert grown("connection_request_count") == 1 and grown("node_changed_watch_count_sum") == 1
    assert grown("bytes_received_count") > 2000 and grown("packets_received") >= 24
    assert 0 < after["fsynctime", "0.5"] <= after["fsynctime", "0.99"] < 10_000
    assert after["fsynctime_sum", None] > 0
    assert after["process_resident_memory_bytes", None] > 1_000_000


def test_mntr_shows_the_same_names(watched):
    shown = {line.split("\t")[0] for line in four_letter_word(watched.port, "mntr").splitlines()}
    for name, quantile in metrics(watched):
        if quantile is None and not name.startswith("process_"):
            plain = name.removesuffix("_count").removesuffix("_sum")
            assert f"zk_{name}" in shown or f"zk_cnt_{plain}" in shown, name


def test_other_paths(watched):
    assert http(watched.metrics_port, "/")[0] == 404
    assert http(watched.metrics_port, "/metrics", method="POST")[0] == 405
