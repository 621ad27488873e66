"""Moves of homes that are cut short at the steps that change something, and then repeated.

The whole matrix, of everything that can happen at every step, is ops/faults-of-moves.
"""

import threading

import pytest

from moves import FAILBACK, FAILOVER, MOVES, PROMOTE, SOURCE, TARGET, Theatre, faults
from steps import AFTER, BEFORE

ALTER, ABORT, COMMIT, PRODUCE, CREATE = 10001, 27, 8, 0, 19
BEGIN_PROMOTION, PROMOTION = (TARGET, ALTER, 1), (TARGET, ALTER, 2)
FENCE = (SOURCE, ALTER, 1)
QUARANTINE, KEEP, REWIND = (SOURCE, CREATE, 1), (SOURCE, PRODUCE, 1), (SOURCE, ALTER, 1)
CASES = {
    FAILOVER: [
        ("tool", BEGIN_PROMOTION, AFTER), ("tool", (TARGET, ABORT, 1), AFTER), ("tool", (TARGET, COMMIT, 1), AFTER),
        ("tool", PROMOTION, AFTER), ("tool", FENCE, BEFORE), ("eu-west controller", PROMOTION, BEFORE)],
    FAILBACK: [
        ("tool", QUARANTINE, AFTER), ("tool", KEEP, AFTER), ("tool", REWIND, BEFORE), ("tool", REWIND, AFTER),
        ("us-east leader", KEEP, BEFORE), ("connections", KEEP, AFTER)],
    PROMOTE: [
        ("tool", FENCE, AFTER), ("tool", BEGIN_PROMOTION, AFTER), ("tool", PROMOTION, AFTER),
        ("us-east coordinator", FENCE, BEFORE), ("mirror", FENCE, AFTER)]}


@pytest.fixture(scope="module")
def theatre(shared_stage):
    theatre = Theatre(shared_stage)
    yield theatre
    theatre.close()


@pytest.mark.parametrize("move", MOVES)
def test_a_move_that_was_disturbed_ends_right_when_it_is_repeated(theatre, move):
    cases = CASES[move]
    topics = [f"{move}-{place}" for place in range(len(cases))]
    theatre.prepare(move, topics)
    for (what, step, moment), topic in zip(cases, topics):
        theatre.disturb(move, topic, step, moment, dict(faults(theatre, topic))[what]())


@pytest.mark.parametrize("move", [FAILOVER, FAILBACK])
def test_a_move_goes_on_when_the_coordinator_is_back_within_a_moment(theatre, move):
    topic = f"patient-{move}"
    theatre.prepare(move, [topic])
    cluster = SOURCE if move == FAILBACK else TARGET
    coordinator = theatre.coordinators[cluster]
    starting = threading.Timer(0.5, coordinator.start)

    def happen():
        coordinator.kill()
        starting.start()
        return True
    theatre.steps.at(cluster, ALTER, 1, BEFORE, happen)
    theatre.run(move, [topic])
    starting.join()
    theatre.steps.clear()
    theatre.check(move, topic)
