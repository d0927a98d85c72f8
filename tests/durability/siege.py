"""A registry, clients that change things in it, and the oracle that knows what it promised."""

import random
import threading

from daemon import wait_for
from harness import Registry
from lanes import Broken, Lane, join_lanes, run_lanes
from oracle import Oracle

LANES = 8


class Siege:
    def __init__(self, root, seed, data=None, config=None):
        print(f"seed {seed}")
        self.rng = random.Random(seed)
        self.registry = Registry(root, data=data, config=config)
        self.registry.start()
        try:
            self.registry.populate()
            self.lanes = [Lane(self.registry, i, self.rng.random()) for i in range(LANES)]
            self.oracle = Oracle(self.registry, self.lanes)
        except BaseException:
            self.registry.daemon.kill()  # nobody else knows of it yet
            raise

    def start_again(self):
        try:
            self.registry.start()
        except AssertionError as error:
            raise Broken(f"it does not start again: {error}") from None

    def life(self, end):
        """One life of the daemon under load: `end()` ends it."""
        stop = threading.Event()
        self.threads = threads = run_lanes(self.lanes, stop)
        try:
            end()
        finally:
            stop.set()
            join_lanes(self.lanes, threads)

    def life_of_random_length(self, end, changes_max):
        """The same, ended after some number of changes and a moment more: at a point that nobody can know."""
        target = self.acknowledged + self.rng.randint(1, changes_max)

        def later():
            wait_for(lambda: self.acknowledged >= target or not all(t.is_alive() for t in self.threads), "the clients get on")
            threading.Event().wait(self.rng.uniform(0, 0.01))
            end()

        self.life(later)

    def move_on(self):
        """Every lane goes on in a new repository."""
        for lane in self.lanes:
            lane.fresh()

    @property
    def acknowledged(self):
        return sum(lane.acknowledged for lane in self.lanes)
