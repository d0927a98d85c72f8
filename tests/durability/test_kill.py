"""kill -9 at random times and at named points, under clients that push, release and delete."""

import random

import pytest

from daemon import wait_for
from harness import has_failpoints, number
from lanes import Broken
from siege import Siege

ROUNDS_PER_REPOSITORY = 4
POINTS = ["blob.before_rename", "blob.after_rename", "upload.before_catalog", "upload.before_answer", "db.before_commit",
          "db.after_commit"]


def kill_at_random(siege):
    siege.life_of_random_length(siege.registry.daemon.kill, 100)


def test_kill_at_random_times(tmp_path, registries):
    rounds = number("ROADSTEAD_KILL_ROUNDS", 100)
    siege = Siege(tmp_path / "d", number("ROADSTEAD_SEED", random.SystemRandom().randint(0, 10**9)))
    registries.append(siege.registry)
    for i in range(rounds):
        kill_at_random(siege)
        siege.start_again()
        siege.oracle.check()
        if i % ROUNDS_PER_REPOSITORY == ROUNDS_PER_REPOSITORY - 1:
            siege.move_on()
    siege.oracle.check_all()
    print(f"{rounds} rounds, {siege.acknowledged} acknowledged changes")


@pytest.mark.parametrize("point", POINTS)
def test_kill_at_a_named_point(tmp_path, registries, point):
    if not has_failpoints():
        pytest.skip("not run: the program was built without failpoints")
    siege = Siege(tmp_path / "d", number("ROADSTEAD_SEED", random.SystemRandom().randint(0, 10**9)))
    registries.append(siege.registry)
    siege.registry.daemon.stop()
    for hit in range(1, number("ROADSTEAD_POINT_HITS", 5) + 1):
        siege.registry.set_failpoint(f"{point}:{hit}:abort").start().arm()
        siege.life(lambda: wait_for(lambda: siege.registry.daemon.proc.poll() is not None, f"it dies at {point}"))
        assert siege.registry.daemon.proc.returncode == -9
        siege.registry.set_failpoint(None)
        siege.start_again()
        siege.oracle.check()
        siege.registry.daemon.stop()
    siege.start_again()
    siege.oracle.check_all()


def test_an_answer_before_the_commit_is_noticed(tmp_path, registries):
    """The oracle itself is tried: on a build that acknowledges too early."""
    if not has_failpoints():
        pytest.skip("not run: the program was built without failpoints")
    siege = Siege(tmp_path / "d", 1)
    registries.append(siege.registry)
    siege.registry.daemon.stop()
    with pytest.raises(Broken, match="is not what was acknowledged"):
        for _ in range(50):
            siege.registry.set_failpoint("db.answer_before_commit:*:on").start().arm()
            kill_at_random(siege)
            siege.registry.set_failpoint(None).start()
            siege.oracle.check()
            siege.registry.daemon.stop()
