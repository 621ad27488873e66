"""kazoo's recipes: what applications build from znodes."""

import datetime
import threading

from kazoo.recipe.cache import TreeCache

from martlet import DEADLINE, eventually


def in_threads(count, work):
    """Runs work(number) in threads of their own and waits for all; fails with what one of them raised."""
    errors = []

    def run(number):
        try:
            work(number)
        except BaseException as error:
            errors.append(error)
    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()
    assert not errors, errors


def test_lock_lets_one_in_at_a_time(connect, path):
    clients = [connect() for _ in range(4)]
    inside, most = [], []

    def work(number):
        for _ in range(5):
            with clients[number].Lock(path, f"client-{number}"):
                inside.append(number)
                most.append(len(inside))
                clients[number].exists(path)
                inside.remove(number)
    in_threads(4, work)
    assert len(most) == 20 and max(most) == 1


def test_lock_passes_on_when_its_holder_dies(connect, path):
    holder, waiter = connect(), connect()
    assert holder.Lock(path, "holder").acquire(timeout=DEADLINE)
    lock = waiter.Lock(path, "waiter")
    assert not lock.acquire(blocking=False)
    assert lock.contenders() == ["holder"]
    holder.stop()
    assert lock.acquire(timeout=DEADLINE)
    lock.release()


def test_election_goes_through_all_candidates(connect, path):
    clients = [connect() for _ in range(3)]
    leaders = []

    def work(number):
        clients[number].Election(path, f"candidate-{number}").run(lambda: leaders.append(number))
    in_threads(3, work)
    assert sorted(leaders) == [0, 1, 2]


def test_queue_gives_each_entry_once(connect, path):
    producer, consumers = connect(), [connect() for _ in range(3)]
    queue = producer.Queue(path)
    for number in range(30):
        queue.put(str(number).encode(), priority=100)
    assert len(queue) == 30
    taken = []

    def work(number):
        consumers[number].sync(path)
        while (entry := consumers[number].Queue(path).get()) is not None:
            taken.append(int(entry))
    in_threads(3, work)
    assert sorted(taken) == list(range(30))


def test_queue_keeps_order_for_one_reader(client, path):
    queue = client.Queue(path)
    for number in range(10):
        queue.put(str(number).encode())
    assert [int(queue.get()) for _ in range(10)] == list(range(10))


def test_barrier_holds_until_removed(connect, client, path):
    barrier = client.Barrier(path)
    barrier.create()
    other = connect()
    other.sync(path)
    passed = threading.Event()
    waiting = threading.Thread(target=lambda: other.Barrier(path).wait(DEADLINE) and passed.set(), daemon=True)
    waiting.start()
    assert not client.Barrier(path).wait(0.2)
    assert not passed.is_set()
    barrier.remove()
    assert passed.wait(DEADLINE)


def test_double_barrier_lets_all_in_together(connect, path):
    clients = [connect() for _ in range(3)]
    entered = []

    def work(number):
        barrier = clients[number].DoubleBarrier(path, 3, f"party-{number}")
        barrier.enter()
        entered.append(number)
        eventually(lambda: len(entered) == 3, "all have entered")
        barrier.leave()
    in_threads(3, work)


def test_counter_loses_no_step(connect, path):
    clients = [connect() for _ in range(3)]

    def work(number):
        counter = clients[number].Counter(path)
        for _ in range(20):
            counter += 1
    in_threads(3, work)
    clients[0].sync(path)
    assert clients[0].Counter(path).value == 60


def test_party_counts_who_is_there(connect, path):
    clients = [connect() for _ in range(3)]
    parties = [client.Party(path, f"member-{number}") for number, client in enumerate(clients)]
    for party in parties:
        party.join()
    # Its server may hear a moment later of what others wrote.
    clients[0].sync(path)
    assert len(parties[0]) == 3
    clients[1].stop()
    eventually(lambda: sorted(parties[0]) == ["member-0", "member-2"], "the one that left is gone")


def test_data_and_children_watches_follow_changes(connect, client, path):
    client.create(path, b"0")
    watcher, values, children = connect(), [], []
    watcher.sync(path)
    watcher.DataWatch(path)(lambda data, stat: values.append(data))
    watcher.ChildrenWatch(path)(lambda names: children.append(sorted(names)))
    eventually(lambda: values == [b"0"] and children == [[]], "both have begun")
    client.set(path, b"1")
    client.create(f"{path}/a")
    eventually(lambda: values[-1] == b"1" and children[-1] == ["a"], "both follow")
    client.set(path, b"2")
    client.create(f"{path}/b")
    eventually(lambda: values[-1] == b"2" and children[-1] == ["a", "b"], "both follow again")


def test_readers_share_what_a_writer_has_alone(connect, path):
    first, second, writer = connect(), connect(), connect()
    one, two, alone = first.ReadLock(path, "one"), second.ReadLock(path, "two"), writer.WriteLock(path, "writer")
    assert one.acquire(timeout=DEADLINE) and two.acquire(timeout=DEADLINE)
    assert not alone.acquire(blocking=False)
    one.release()
    two.release()
    assert alone.acquire(timeout=DEADLINE)
    assert not first.ReadLock(path, "late").acquire(blocking=False)
    alone.release()


def test_semaphore_lets_so_many_in(connect, path):
    clients = [connect() for _ in range(3)]
    inside = [client.Semaphore(path, f"client-{number}", max_leases=2) for number, client in enumerate(clients)]
    assert inside[0].acquire(timeout=DEADLINE) and inside[1].acquire(timeout=DEADLINE)
    assert not inside[2].acquire(blocking=False)
    clients[0].stop()
    assert inside[2].acquire(timeout=DEADLINE)


def test_a_lease_belongs_to_one_until_it_ends(connect, path):
    holder, other = connect(), connect()
    assert holder.NonBlockingLease(path, datetime.timedelta(seconds=3), "holder")
    assert not other.NonBlockingLease(path, datetime.timedelta(seconds=3), "other")
    eventually(lambda: bool(other.NonBlockingLease(path, datetime.timedelta(seconds=3), "other")), "the lease ends")


def test_a_set_is_partitioned_among_members(connect, path):
    members = [connect().SetPartitioner(path, set=range(6), time_boundary=1, identifier=name) for name in ("a", "b")]

    def settled():
        for member in members:
            if member.release:
                member.release_set()
            elif not member.acquired:
                member.wait_for_acquire(1)
        return all(member.acquired and len(list(member)) == 3 for member in members)
    eventually(settled, "both have half of the set")
    assert sorted([*members[0], *members[1]]) == list(range(6))
    for member in members:
        member.finish()


def test_a_tree_cache_follows_a_subtree(connect, client, path):
    client.ensure_path(path)
    cache = TreeCache(connect(), path)
    cache.start()
    try:
        for number in range(20):
            client.create(f"{path}/{number}", str(number).encode())
            client.create(f"{path}/{number}/below", b"x")
        client.set(f"{path}/7", b"changed")
        client.delete(f"{path}/8", recursive=True)

        def same():
            names = cache.get_children(path, default=())
            return (len(names) == 19 and cache.get_data(f"{path}/7").data == b"changed"
                    and cache.get_data(f"{path}/8") is None and cache.get_data(f"{path}/19/below").data == b"x")
        eventually(same, "the cache shows the tree")
    finally:
        cache.close()
