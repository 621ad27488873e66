"""What can happen to the processes of a cluster, each as something that begins and ends, for tests and, chosen by a seed,
for soaks.

What is down or stopped is never more than what the choice says: a fault takes its victims from those that are well, and
gives them back well.
"""


from martlet import eventually


class Fault:
    """What is done to victims, and undone: by calls, or for as long as a `with` lasts."""

    def __init__(self, *victims):
        self.victims = victims

    def __enter__(self):
        self.begin()
        return self

    def __exit__(self, *_):
        self.end()

    def __str__(self):
        return f"{type(self).__name__.lower()}: {', '.join(map(name, self.victims))}"


class Down(Fault):
    """Processes that end, and start again."""

    def end(self):
        for victim in self.victims:
            victim.launch()


class Killed(Down):
    """Without a warning, all at once."""

    def begin(self):
        for victim in self.victims:
            victim.kill()


class Restarted(Down):
    """When they are asked to, one after the other."""

    def begin(self):
        for victim in self.victims:
            assert victim.stop() == 0, f"{name(victim)} did not end well:\n{victim.tail()}"


class Paused(Fault):
    """Processes that stand still, and go on as if no time had passed."""

    def begin(self):
        for victim in self.victims:
            victim.freeze()

    def end(self):
        for victim in self.victims:
            victim.thaw()


class Lonely(Fault):
    """A broker that the other brokers do not hear, nor it them."""

    def __init__(self, network, victim):
        super().__init__(victim)
        self._network = network

    def begin(self):
        self._network.isolate(self.victims[0].id - 1)

    def end(self):
        self._network.heal()


class Unreachable(Lonely):
    """A broker that is cut off from everybody."""

    def begin(self):
        self._network.isolate_wholly(self.victims[0].id - 1)


def name(process):
    """`broker2`, `coordinator1`."""
    return process.name if hasattr(process, "id") else f"{process.name}{process.directory.name}"


def choose(random, cluster, ensemble, well, network=None):
    """A fault of what is well; None when the choice fell on what is not."""
    brokers = [broker for broker in cluster.brokers if broker in well]
    coordinators = [member for member in ensemble.members if member in well]
    kinds = [
        (6, lambda: Killed(random.choice(brokers))),
        (3, lambda: Killed(cluster.controller())),
        (3, lambda: Killed(ensemble.leader())),
        (2, lambda: Killed(cluster.controller(), ensemble.leader())),
        (2, lambda: Killed(random.choice(coordinators))),
        (2, lambda: Killed(*random.sample(brokers, 2))),
        (1, lambda: Killed(*random.sample(brokers, 3))),
        (1, lambda: Killed(*random.sample(coordinators, 2))),
        (1, lambda: Killed(*random.sample(coordinators, 3))),
        (4, lambda: Restarted(random.choice(brokers))),
        (1, lambda: Restarted(random.choice(coordinators))),
        (4, lambda: Paused(random.choice(brokers))),
        (2, lambda: Paused(ensemble.leader())),
        (1, lambda: Paused(cluster.controller(), ensemble.leader()))]
    if network:
        kinds += [
            (3, lambda: Lonely(network, random.choice(brokers))),
            (3, lambda: Unreachable(network, random.choice(brokers)))]
    make = random.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])[0]
    try:
        fault = make()
    except (IndexError, ValueError):
        return None
    return fault if set(fault.victims) <= well else None


def kill_leaders_in_turn(cluster, topic, partitions, load):
    """Kills the leader of one partition after the other, under load, and waits until it is back in sync."""
    for partition in partitions:
        load.wait_for(1000)
        leader = cluster.leader(topic, partition)
        leader.kill()
        load.wait_for(1000)
        leader.start()
        cluster.wait_until_in_sync(topic)


def restart_in_turn(cluster, topic, load):
    """Stops one broker after the other as an operator does, under load, and waits until it is back in sync."""
    for broker in cluster.brokers:
        load.wait_for(500)
        assert broker.stop() == 0
        broker.start()
        cluster.wait_until_in_sync(topic)


def wait_until_all_serve(cluster, ensemble):
    """Waits until every process is up, and one coordinator leads."""
    for member in ensemble.members:
        member.wait_until_serving()
    eventually(ensemble.leader, "a coordinator leads")
    for broker in cluster.brokers:
        assert broker.is_running, f"{broker.name} ended:\n{broker.tail()}"
    eventually(lambda: len(cluster.metadata().brokers) == len(cluster.brokers), "all brokers are registered")
