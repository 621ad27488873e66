"""Several regions, and one mirror with the links between them."""

from links import martlet
from load import read_partition
from martlet import BINARIES, Process, eventually
from servers import write_properties


class Topology:
    """Regions of one broker each, by the aliases that the links name, and their mirror, which is not launched yet."""

    def __init__(self, stage, links, **settings):
        aliases = sorted({alias for link in links for alias in link.split("->")})
        self.regions = {alias: stage.cluster(stage.coordinator().start(), 1).start() for alias in aliases}
        self.directory = stage.directory / "topology"
        self.values = {"clusters": ", ".join(aliases), "mode": "exact", "refresh.topics.interval.seconds": 1}
        self.values |= {f"{alias}.bootstrap.servers": region.address for alias, region in self.regions.items()}
        for link, topics in links.items():
            self.values |= {f"{link}.enabled": "true", f"{link}.topics": topics}
        self.values |= settings
        self.mirror = stage.add(Process("mirror", self.directory, [BINARIES / "martlet-mirror", self.configure()]))

    def configure(self, **changes):
        values = {key: value for key, value in (self.values | changes).items() if value is not None}
        return write_properties(self.directory / "mm2.properties", values)

    def order(self, action, link, *more, code=0):
        """What martlet mirror says of a link."""
        return martlet(self.mirror, action, *more, code=code, link=link)

    def has(self, alias, topic, values):
        """Waits until a region has these records at these offsets."""
        region, expected = self.regions[alias], list(enumerate(values))
        eventually(lambda: topic in region.metadata().topics, f"{alias} has {topic}")
        def look():
            return read_partition(region.address, topic, "read_committed") == expected
        eventually(look, f"{topic} at {alias} has {values}")
