"""The programs that start servers of their own leave none of them behind when they are stopped."""

import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from client import Client
from daemon import binary, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Stands in for the servers of the benchmark's other sides: listens where its configuration says so, and never answers.
STAND_IN = f"""#!{sys.executable}
import re, signal, socket, sys
configuration = open(next(a for a in sys.argv if a.endswith((".conf", ".yml")))).read()
listening = socket.create_server(("127.0.0.1", int(re.search("127.0.0.1:([0-9]+)", configuration)[1])))
signal.pause()
"""
# Arguments, and how many daemons it has.
PROGRAMS = {
    "model": (["tests/model/run.py", "--jobs", "2"], 2),
    "soak": (["tests/soak/run.py"], 1),
    "bench": (["bench/run.py", "--only", "manifest_get"], 1),
}


def session(leader):
    """The processes that live in this one's session: whoever it started, and whoever they did."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has ended meanwhile
            continue
        if int(of) == leader and state != "Z":
            found.append(int(stat.parent.name))
    return found


def is_at_work(ready):
    """Has the program gone on from starting this daemon to sending it something?"""
    try:
        url, = ready.read_text().split()[:1]
        metrics = Client(url, once=True).get("/metrics").body.decode()
    except (OSError, ValueError):  # not yet, or not any more
        return False
    return int(re.search(r"^roadstead_http_received_bytes_total (\d+)$", metrics, re.MULTILINE)[1]) > 0


@pytest.fixture
def stand_ins(tmp_path):
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("nginx", "docker-registry"):
        (directory / name).write_text(STAND_IN)
        (directory / name).chmod(0o700)
    return directory


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_stopped_program_leaves_nothing_behind(tmp_path, stand_ins, name, number):
    arguments, daemons = PROGRAMS[name]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    env = {**os.environ, "ROADSTEAD_BINARY": binary(), "TMPDIR": str(scratch), "PATH": f"{stand_ins}:{os.environ['PATH']}"}
    with open(tmp_path / "output", "wb") as output:
        program = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                   start_new_session=True)

    def are_at_work():
        assert program.poll() is None, (tmp_path / "output").read_text()
        return [is_at_work(ready) for ready in scratch.rglob("ready")].count(True) == daemons

    try:
        wait_for(are_at_work, f"the daemons of {name} are at work")
        program.send_signal(number)
        assert program.wait(60) != 0
        wait_for(lambda: not session(program.pid), "all processes have ended")
        assert list(scratch.iterdir()) == []
    finally:
        for pid in session(program.pid):
            os.kill(pid, signal.SIGKILL)
        program.wait()
