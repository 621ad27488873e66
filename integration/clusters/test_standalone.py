"""A broker that is alone: one process, a folder for its data and no configuration file."""

from load import Load, assert_all_arrived
from martlet import BINARIES, Process, free_port


class Standalone(Process):
    """martlet-broker --standalone on a port of its own."""

    def __init__(self, directory):
        self.address = f"127.0.0.1:{free_port()}"
        self.data = directory / "data"
        listener = f"PLAINTEXT://{self.address}"
        super().__init__("standalone", directory, [
            BINARIES / "martlet-broker", "--standalone", "--data-dir", self.data, "--override",
            f"listeners={listener}", "--override", f"advertised.listeners={listener}", "--override", "num.partitions=3"])

    def start(self):
        ready = self.log().count("is ready")
        self.launch()
        self.wait_for_log("is ready", ready + 1)
        return self


def test_alone_it_serves_and_keeps_what_it_acknowledged(stage, topic):
    broker = stage.add(Standalone(stage.directory / "alone")).start()
    load = Load(broker.address, topic)
    load.wait_for(3000)
    broker.kill()
    broker.start()
    load.wait_for(3000)
    load.end()
    assert broker.stop() == 0
    broker.start()
    assert_all_arrived(load, broker.address)


def test_two_cannot_have_one_folder(stage):
    broker = stage.add(Standalone(stage.directory / "alone")).start()
    second = Standalone(stage.directory / "second")
    second.command[second.command.index(str(second.data))] = str(broker.data)
    stage.add(second).launch()
    assert second.process.wait(60) == 1
    [complaint] = [line for line in second.log().splitlines() if " INFO " not in line]
    assert str(broker.data) in complaint
    assert broker.is_running
