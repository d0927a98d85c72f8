"""Durability: what was acknowledged survives crashes, power cuts and failing disks."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import harness  # noqa: E402


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    return harness.build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def registries():
    """Registries that end with the test, however it ends."""
    made = []
    yield made
    for registry in made:
        if registry.daemon.proc is not None and registry.daemon.proc.poll() is None:
            registry.daemon.kill()
