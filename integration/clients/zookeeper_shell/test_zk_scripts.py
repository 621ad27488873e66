"""martlet zk in scripts: what it writes where, and how it ends."""

import os
import subprocess
import time
import uuid

import pytest

import zk
from martlet import BINARIES, eventually, free_port


@pytest.fixture
def path():
    return f"/zk-{uuid.uuid4().hex[:12]}"


def way_in(server, certificates, security):
    if security == "SSL":
        return [
            server.secure_address, "--tls-ca", str(certificates.authority), "--tls-identity",
            str(certificates.bundle("alice"))]
    return [server.address]


def test_a_script(server, certificates, security, path):
    address, *options = way_in(server, certificates, security)
    done = zk.run(address, [
        "# a comment", "", f"create {path} first", f"get {path}", f"set {path} 'two words'", f"get {path}",
        f"create -s {path}/n- x", f"create -e {path}/e y", f"create -c {path}/c", f"ls {path}", f"ls -R {path}",
        f"getEphemerals {path}", f"getAllChildrenNumber {path}", f"getAcl {path}", f"sync {path}", f"deleteall {path}",
        "quit", "this is not read"], *options)
    assert (done.returncode, done.stdout.splitlines()) == (0, [
        "first", "two words", "[c, e, n-0000000000]", path, f"{path}/c", f"{path}/e", f"{path}/n-0000000000",
        f"[{path}/e]", "3", "'world,'anyone", ": cdrwa", "Sync is OK"])
    assert done.stderr.splitlines() == [
        f"Created {node}" for node in (path, f"{path}/n-0000000000", f"{path}/e", f"{path}/c")]


def test_the_same_on_apache_zookeeper(apache, path):
    done = zk.run(apache.address, [
        f"create {path} first", f"get {path}", "whoami", f"addWatch -m PERSISTENT {path}", f"set {path} x",
        f"removewatches {path}", f"deleteall {path}", "version"])
    assert (done.returncode, done.stderr) == (0, f"Created {path}\n")
    lines = done.stdout.splitlines()
    assert lines[0] == "first" and "ip: 127.0.0.1" in lines
    assert f"WatchedEvent state:SyncConnected type:NodeDataChanged path:{path}" in lines
    assert f"WatchedEvent state:SyncConnected type:PersistentWatchRemoved path:{path}" in lines


def test_one_command_and_its_exit_status(any_server, path):
    created = zk.one(any_server.address, "create", path, "a value")
    assert (created.returncode, created.stdout, created.stderr) == (0, "", f"Created {path}\n")
    got = zk.one(any_server.address, "get", path)
    assert (got.returncode, got.stdout, got.stderr) == (0, "a value\n", "")
    absent = zk.one(any_server.address, "get", "-s", f"{path}/absent")
    assert (absent.returncode, absent.stdout, absent.stderr) == (1, "", f"Node does not exist: {path}/absent\n")
    unknown = zk.one(any_server.address, "rmr", path)
    assert (unknown.returncode, unknown.stdout) == (127, "")
    assert unknown.stderr == "Command not found: rmr ('help' lists all)\n"
    wrong = zk.one(any_server.address, "delete")
    assert (wrong.returncode, wrong.stderr) == (1, "delete [-v version] path\n")


def test_a_failure_in_the_middle_shows_at_the_end(single, path):
    done = zk.run(single.address, [f"delete {path}", f"create {path}", f"get {path}", f"delete {path}"])
    assert (done.returncode, done.stdout) == (1, "null\n")
    assert done.stderr.splitlines() == [f"Node does not exist: {path}", f"Created {path}"]


def test_values_in_every_form(any_server, path):
    done = zk.run(any_server.address, [
        f"create {path} hello", f"get -b {path}", f"get -x {path}", f"set {path} \"\"", f"get {path}",
        f"set -s -v 1 {path} grün", f"set -v 7 {path} x", f"get {path}"])
    lines = done.stdout.splitlines()
    assert lines[0] == "aGVsbG8="
    assert lines[4] == "|00000000| 68 65 6c 6c 6f                                  |hello           |"
    assert lines[6] == "" and lines[7].startswith("cZxid = 0x")
    assert "dataVersion = 2" in lines and "dataLength = 5" in lines
    assert lines[-1] == "grün"
    assert done.stderr.splitlines()[-1] == f"version No is not valid : {path}"


def test_a_large_tree_is_listed_and_deleted(server, path):
    done = zk.run(server.address, [
        f"create {path}", *(f"create {path}/{number:04} x" for number in range(1200)), f"create {path}/0007/below x",
        f"ls -R {path}", f"deleteall {path} -b 100", f"stat {path}"])
    assert done.stdout.splitlines() == [
        path, *(f"{path}/{number:04}" for number in range(1200)), f"{path}/0007/below"]
    assert done.stderr.splitlines()[-1] == f"Node does not exist: {path}"


def test_a_chroot_is_the_root(any_server, path):
    zk.run(any_server.address, [f"create {path}"])
    done = zk.run(any_server.address + path, [
        "create /a x", "create -e /e", "ls /", "ls -R /", "getEphemerals", "setquota -n 9 /a", "listquota /a",
        "delquota /a", "config", "get -w /a", "set /a y"])
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:5] == ["[a, e]", "/", "/a", "/e", "[/e]"]
    assert "Output quota for /a count=9,bytes=-1=;byteHardLimit=-1;countHardLimit=-1" in lines
    assert "WatchedEvent state:SyncConnected type:NodeDataChanged path:/a" in lines
    assert f"absolute path is /zookeeper/quota{path}/a/zookeeper_limits" in done.stderr
    zk.run(any_server.address, [f"deleteall {path}"])


def test_rights(any_server, path):
    done = zk.run(any_server.address, [
        "addauth digest user:secret", "whoami", f"create {path} hidden auth::cdrwa", f"getAcl -s {path}",
        f"setAcl -v 5 {path} world:anyone:r", f"get {path}"])
    lines = done.stdout.splitlines()
    assert "digest: user" in lines and "'digest,'user:" in done.stdout and lines[-1] == "hidden"
    assert f"version No is not valid : {path}" in done.stderr
    stranger = zk.run(any_server.address, [f"sync {path}", f"get {path}"])
    assert stranger.stderr == f"Insufficient permission : {path}\n"
    liar = zk.run(any_server.address, ["addauth nonsense x", "ls /"])
    assert "KeeperErrorCode = AuthFailed: " in liar.stderr and liar.returncode == 1


def test_quotas(any_server, path):
    done = zk.run(any_server.address, [
        f"create {path} x", f"create {path}/c y", f"setquota -n 1 {path}", f"setquota -B 900 -N 80 {path}",
        f"listquota {path}", f"setquota -n 1 {path}/c", f"delquota -n {path}", f"listquota {path}",
        f"delquota {path}", f"listquota {path}", f"deleteall {path}", f"ls /zookeeper/quota"])
    assert done.stdout.splitlines() == [
        *["[Warning]: the count quota you create is less than the existing count:2"] * 2,
        f"Output quota for {path} count=1,bytes=-1=;byteHardLimit=900;countHardLimit=80",
        f"Output stat for {path} count=2,bytes=2",
        f"Output quota for {path} count=-1,bytes=-1=;byteHardLimit=900;countHardLimit=80",
        f"Output stat for {path} count=2,bytes=2", "[]"]
    limits = f"absolute path is /zookeeper/quota{path}/zookeeper_limits"
    assert done.stderr.splitlines() == [
        f"Created {path}", f"Created {path}/c", limits, f"{path}/c has a parent {path} which has a quota", limits,
        limits, f"quota for {path} does not exist."]


def test_an_ensemble_is_described_and_changed(stage):
    ensemble = stage.ensemble(
        reconfigEnabled="true", **{"DigestAuthenticationProvider.superDigest": "super:D/InIHSb7yEEbrWz8b9l71RjZJU="})
    ensemble.start()
    described = zk.run(ensemble.address, ["config", "config -c", "config -s"])
    assert described.returncode == 0
    assert described.stdout.count("server.1=") == 2 and "version=" in described.stdout
    newcomer, line = ensemble.newcomer()
    newcomer.launch()
    newcomer.wait_until_serving()
    changed = zk.run(ensemble.address, [
        "addauth digest super:test", f"reconfig -s -add {line};{newcomer.port}", "reconfig -remove 4",
        "reconfig -remove 9 -members x", "reconfig"])
    lines = changed.stdout.splitlines()
    assert lines.count("Committed new configuration:") == 2
    assert changed.stdout.count("server.4=") == 1 and changed.stdout.count("cZxid = ") == 1
    assert changed.stderr.splitlines()[0].startswith("Can't use -file or -members together")
    assert changed.returncode == 1


def test_clients_properties_and_javas_flags_mean_the_same(single, certificates, tmp_path):
    properties = {
        "zookeeper.client.secure": "true", "zookeeper.ssl.keyStore.location": certificates.bundle("alice"),
        "zookeeper.ssl.trustStore.location": certificates.authority, "zookeeper.ssl.keyStore.type": "PEM"}
    file = tmp_path / "client.cfg"
    file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
    done = zk.one(single.secure_address, "whoami", options=["-client-configuration", str(file)])
    assert done.returncode == 0 and "x509: " in done.stdout
    flags = {"CLIENT_JVMFLAGS": " ".join(f"-D{key}={value}" for key, value in properties.items())}
    done = zk.run(single.secure_address, ["whoami"], environment=os.environ | flags)
    assert done.returncode == 0 and "x509: " in done.stdout


def test_nobody_answers():
    began = time.monotonic()
    address = f"127.0.0.1:{free_port()}"
    done = zk.run(address, ["ls /", "get /a"], "-timeout", "2000")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"no connection to {address}: none within 2.0 seconds: ")
    assert done.stderr.endswith("nobody listens there\n") and done.stderr.count("\n") == 1
    assert time.monotonic() - began < 10


def test_what_is_wrong_with_tls_is_said(single, certificates):
    def why(address, *options):
        done = zk.one(address, "ls", "/", options=["-timeout", "1500", *options])
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        return done.stderr
    assert "closed by the peer" in why(single.secure_address)
    assert "the peer left during the handshake" in why(single.address, "--tls")
    assert "self-signed certificate in certificate chain" in why(single.secure_address, "--tls")
    assert "/nonexistent: No such file or directory" in why(single.secure_address, "--tls-ca", "/nonexistent")


def test_a_server_without_its_ensemble_answers_reads_alone(stage, path):
    ensemble = stage.ensemble(**{"readonlymode.enabled": "true"}).start()
    # A leader would go on proposing for a moment, and serve nothing as long as it has what nobody has confirmed.
    survivor = ensemble.followers()[0]
    alone = survivor.address
    # By the one that stays: two others may be all that has it.
    assert zk.run(alone, [f"create {path} x"]).returncode == 0
    for member in ensemble.members:
        if member is not survivor:
            member.kill()
    # It notices its loneliness in a moment, and disconnects whoever came before.
    done = eventually(
        lambda: (lambda done: done if "Not a read-only call" in done.stderr else None)(
            zk.run(alone, [f"get {path}", f"set {path} y"], "-r", "-timeout", "4000")), "it answers reads")
    assert (done.stdout, done.stderr) == ("x\n", f"Not a read-only call: {path}\n")
    refused = zk.run(alone, [f"get {path}"], "-timeout", "1500")
    assert (refused.returncode, refused.stdout) == (1, "")


@pytest.mark.parametrize("options", [["-timeout", "0"], ["-timeout", "soon"], ["--nonsense", "ls", "/"]])
def test_bad_options_are_refused(options):
    done = zk.run("127.0.0.1:1", [], *options)
    assert done.returncode == 64 and done.stderr.startswith("Error: ")


def test_a_connect_string_that_makes_no_sense():
    done = zk.run("nowhere:port", ["ls /"])
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert '"nowhere:port" is not host:port' in done.stderr


def test_it_waits_for_a_connection_when_told_to(stage):
    coordinator = stage.coordinator()
    waiting = subprocess.Popen(
        [BINARIES / "martlet", "zk", "-server", coordinator.address, "-waitforconnection", "-timeout", "60000", "ls",
         "/"], stdout=subprocess.PIPE, text=True)
    try:
        assert waiting.poll() is None
        coordinator.start()
        assert waiting.communicate(timeout=60)[0] == "[zookeeper]\n"
        assert waiting.returncode == 0
    finally:
        waiting.kill()
        waiting.wait()


def test_a_reader_that_goes_away_ends_it(single, path):
    zk.run(single.address, [f"create {path}", *(f"create {path}/{number} x" for number in range(500))])
    listing = subprocess.Popen(
        f"'{BINARIES}/martlet' zk -server {single.address} ls -R {path} | head -1", shell=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    out, err = listing.communicate(timeout=60)
    assert (out, err) == (f"{path}\n", "")


def test_ephemeral_nodes_go_with_the_script(single, path):
    assert zk.run(single.address, [f"create -e {path}"]).returncode == 0
    eventually(lambda: zk.one(single.address, "stat", path).returncode == 1, "the node is gone", 5)
