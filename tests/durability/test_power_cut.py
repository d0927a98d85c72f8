"""Power cuts under clients that push, release and delete: what was acknowledged is there, nothing is torn, nothing was invented."""

import random
import shutil

import pytest

import power
from harness import has_failpoints, number
from lanes import Broken
from siege import Siege

CUTS_PER_REPOSITORY = 4
CONFIG = {"storage": {"watermark": 0}}  # the disk is small


@pytest.fixture
def disk(tmp_path):
    place = power.fast_place() or tmp_path
    disk = None
    try:
        disk = power.try_out(place)
    except power.Unavailable as why:
        pytest.skip(f"not run: power cuts cannot be simulated here: {why}")
    finally:
        if disk is None and place != tmp_path:
            shutil.rmtree(place)
    yield disk
    disk.umount()
    if place != tmp_path:
        shutil.rmtree(place)


def besiege(disk, root, registries, seed):
    siege = Siege(root, seed, data=disk.mount_point / "data", config=CONFIG)
    registries.append(siege.registry)
    return siege


def cut(siege, disk):
    siege.life_of_random_length(lambda: disk.cut(siege.registry.daemon.proc.pid, siege.registry.daemon.kill), 40)


@pytest.fixture
def all_ended(disk, registries):
    """The daemons end before their disk does."""
    yield registries
    for registry in registries:
        if registry.daemon.proc is not None:
            registry.daemon.kill()


def test_power_cuts(tmp_path, disk, all_ended):
    cuts = number("ROADSTEAD_POWER_CUTS", 50)
    siege = besiege(disk, tmp_path / "d", all_ended, number("ROADSTEAD_SEED", random.SystemRandom().randint(0, 10**9)))
    for i in range(cuts):
        cut(siege, disk)
        siege.start_again()
        siege.oracle.check()
        if i % CUTS_PER_REPOSITORY == CUTS_PER_REPOSITORY - 1:
            siege.move_on()
    siege.oracle.check_all()
    print(f"{cuts} cuts, {siege.acknowledged} acknowledged changes")


@pytest.mark.parametrize("missing", [
    "blob.skip_fdatasync:*:on",
    "db.synchronous_normal:*:on",
    "blob.skip_fdatasync:*:on,blob.skip_fsync_directory:*:on,blob.skip_fsync_parents:*:on,db.synchronous_normal:*:on",
])
def test_a_missing_sync_is_noticed(tmp_path, disk, all_ended, missing):
    """The oracle itself is tried: on a build that leaves syncs out."""
    if not has_failpoints():
        pytest.skip("not run: the program was built without failpoints")
    siege = besiege(disk, tmp_path / "d", all_ended, 1)
    siege.registry.daemon.stop()
    siege.registry.set_failpoint(missing).arm().start()
    with pytest.raises(Broken) as found:
        for _ in range(50):
            cut(siege, disk)
            siege.start_again()
            siege.oracle.check()
    print(str(found.value)[:300])
