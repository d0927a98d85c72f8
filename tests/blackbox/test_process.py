"""`roadstead process`: the ready-made Quarantine Processor, with real commands against a running registry."""

import json
import os
import pathlib
import signal
import stat
import subprocess

import pytest

from client import Image
from daemon import binary, wait_for


class Processor:
    """One `roadstead process` with a shell script for its command."""

    def __init__(self, registry, who, tmp_path, script, *options):
        path = tmp_path / f"command-{len(list(tmp_path.iterdir()))}.sh"
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        user, password = registry.credentials[who]
        self.proc = subprocess.Popen(
            [binary(), "process", "--server", registry.url, "--user", user, "--json", "--poll", "1s", *options, "--", str(path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ, "ROADSTEAD_PASSWORD": password})

    def end(self, expect=0):
        """Wait for its end; returns its results as [(repository, digest, result)]."""
        out, err = self.proc.communicate(timeout=180)
        assert self.proc.returncode == expect, (self.proc.returncode, out, err)
        self.err = err
        return [tuple(json.loads(line)[k] for k in ("repository", "digest", "result")) for line in out.splitlines()]


@pytest.fixture
def process(tmp_path):
    made = []

    def start(registry, who, script, *options):
        made.append(Processor(registry, who, tmp_path, script, *options))
        return made[-1]

    yield start
    for p in made:
        if p.proc.poll() is None:
            p.proc.kill()
        p.proc.wait()
        # Not read to their ends: a command that outlived its processor holds them open.
        p.proc.stdout.close()
        p.proc.stderr.close()


@pytest.fixture
def own(make_registry):
    return make_registry(config={"quarantine": {"settle_time": "0s"}})


def test_it_decides_by_the_exit_status(own, process, tmp_path):
    good = own.publisher.push_image("team/app", "good")
    bad = own.publisher.push_image("team/app", "bad")
    script = f"""
echo "looked at $ROADSTEAD_IMAGE"
[ "$ROADSTEAD_DIGEST" = {good.digest} ]
"""
    results = process(own, "processor", script, "--drain").end()
    assert sorted(results) == sorted([("team/app", good.digest, "passed"), ("team/app", bad.digest, "failed")])
    host = own.url.split("://")[1]
    for image, state in ((good, "released"), (bad, "failed")):
        assert own.processor.state("team/app", image.digest).json()["state"] == state
        (record,) = own.auditor.audit(f"digest={image.digest}&action={state}")
        assert record["details"] == f"looked at {host}/team/app@{image.digest}" and record["actor"] == "processor"
    assert own.consumer.get_manifest("team/app", "good").status == 200


def test_its_environment(own, process, tmp_path):
    image = own.publisher.push_image("team/app", "v1")
    results = process(own, "processor", 'env | grep ^ROADSTEAD_ | grep -v PASSWORD >env; cat >stdin', "--drain").end()
    assert results == [("team/app", image.digest, "passed")]
    env = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert env["ROADSTEAD_REPOSITORY"] == "team/app" and env["ROADSTEAD_DIGEST"] == image.digest and env["ROADSTEAD_CHECK"] == ""
    assert env["ROADSTEAD_SERVER"] == own.url and env["ROADSTEAD_ATTEMPT"] == "1" and env["ROADSTEAD_CLAIM"]
    assert env["ROADSTEAD_IMAGE"] == f"{env['ROADSTEAD_HOST']}/team/app@{image.digest}"
    assert (tmp_path / "stdin").read_text() == ""


def test_two_checks_by_two_processors(own, process):
    """The registry releases with the last pass, whoever comes last."""
    own.policy("team/**", quarantine="on", checks=["scan", "sign"])
    images = [own.publisher.push_image("team/app", f"v{i}") for i in range(4)]
    scan = process(own, "scanner", "echo '{\"critical\":0}'", "--check", "scan", "--drain", "--jobs", "3")
    sign = process(own, "signer", "echo signed", "--check", "sign", "--drain")
    assert sorted(scan.end()) == sorted(sign.end()) == sorted(("team/app", i.digest, "passed") for i in images)
    for image in images:
        state = own.processor.state("team/app", image.digest).json()
        assert state["state"] == "released"
        assert own.consumer.get_manifest("team/app", image.digest).status == 200


def test_json_output_stays_json_and_long_output_is_cut(own, process):
    image = own.publisher.push_image("team/app", "v1")
    long_ = own.publisher.push_image("team/long", "v1")
    script = """
if [ $ROADSTEAD_REPOSITORY = team/app ]; then echo ' {"b": [1, 2], "a": null} '; else head -c 300000 /dev/zero | tr '\\0' '\\1'; fi
"""
    process(own, "processor", script, "--drain").end()
    (record,) = own.auditor.audit(f"digest={image.digest}&action=released")
    assert record["details"] == {"a": None, "b": [1, 2]}
    (record,) = own.auditor.audit(f"digest={long_.digest}&action=released")
    assert record["details"].startswith("\x01") and record["details"].endswith("(cut)")


def test_a_command_that_cannot_tell_is_run_again(own, process, tmp_path):
    image = own.publisher.push_image("team/app", "v1")
    results = process(own, "processor", 'echo x >>tries; [ $ROADSTEAD_ATTEMPT = 3 ] || exit 75', "--drain").end()
    assert results == [("team/app", image.digest, "passed")]
    assert len((tmp_path / "tries").read_text().split()) == 3


@pytest.mark.parametrize("how", ["exit 75", "exit 127", "kill -9 $$"])
def test_what_no_attempt_can_tell_stays_in_quarantine(own, process, how):
    image = own.publisher.push_image("team/app", "v1")
    results = process(own, "processor", how, "--drain", "--retries", "1").end(expect=1)
    assert results == [("team/app", image.digest, "not decided, it stays in quarantine")]
    assert own.processor.state("team/app", image.digest).json()["state"] == "quarantined"
    assert own.consumer.get_manifest("team/app", image.digest).status == 403


def test_a_command_that_is_not_there(own, process, tmp_path):
    image = own.publisher.push_image("team/app", "v1")
    user, password = own.credentials["processor"]
    done = subprocess.run([binary(), "process", "--server", own.url, "--user", user, "--drain", "--", str(tmp_path / "none")],
                          capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "ROADSTEAD_PASSWORD": password})
    assert done.returncode == 2 and "none" in done.stderr
    # Its claim was given back: another one gets the image at once.
    assert process(own, "processor2", "true", "--drain").end() == [("team/app", image.digest, "passed")]


def test_a_time_limit(own, process):
    image = own.publisher.push_image("team/app", "v1")
    results = process(own, "processor", "sleep 1000", "--drain", "--retries", "0", "--limit", "1s").end(expect=1)
    assert results == [("team/app", image.digest, "not decided, it stays in quarantine")]


def test_parallel_jobs_run_at_the_same_time(own, process, tmp_path):
    """Each waits until all are there: with fewer at a time none would ever end."""
    for i in range(4):
        own.publisher.push_image("team/app", f"v{i}")
    script = 'touch here-$ROADSTEAD_CLAIM; until [ $(ls here-* | wc -l) = 4 ]; do sleep 0.1; done'
    results = process(own, "processor", script, "--drain", "--jobs", "4").end()
    assert [r for _, _, r in results] == ["passed"] * 4


def test_many_processors_never_do_the_same_work_twice(own, process, tmp_path):
    images = [own.publisher.push_image("team/app", f"v{i}") for i in range(12)]
    script = 'mkdir "did-$ROADSTEAD_DIGEST" || exit 1'
    processors = [process(own, who, script, "--drain", "--jobs", "2") for who in ("processor", "processor2", "processor")]
    results = [r for p in processors for r in p.end()]
    assert sorted(d for _, d, _ in results) == sorted(i.digest for i in images)
    assert {r for _, _, r in results} == {"passed"}


def test_the_lease_is_renewed_while_a_command_runs(own, process, tmp_path):
    """The command outlives its first lease (10 s); nobody else gets the image meanwhile."""
    image = own.publisher.push_image("team/app", "v1")
    slow = process(own, "processor", "touch started; sleep 13", "--drain", "--lease", "10s")
    wait_for(lambda: (tmp_path / "started").exists(), "the command runs")
    other = process(own, "processor2", "touch taken-twice")
    assert slow.end() == [("team/app", image.digest, "passed")]
    other.proc.send_signal(signal.SIGTERM)
    assert other.end() == [] and not (tmp_path / "taken-twice").exists()


def test_a_clean_stop_gives_the_work_back(own, process, tmp_path):
    image = own.publisher.push_image("team/app", "v1")
    first = process(own, "processor", "trap 'touch asked; exit 1' TERM; touch started; while :; do sleep 0.1; done", "--lease", "1h")
    wait_for(lambda: (tmp_path / "started").exists(), "the command runs")
    first.proc.send_signal(signal.SIGTERM)
    assert first.end() == []
    assert (tmp_path / "asked").exists()  # it was asked to end, and what it said then counts for nothing
    assert own.processor.state("team/app", image.digest).json()["state"] == "quarantined"
    assert process(own, "processor2", "true", "--drain").end() == [("team/app", image.digest, "passed")]


def test_a_processor_that_dies_leaves_the_image_in_quarantine(own, process, tmp_path):
    image = own.publisher.push_image("team/app", "v1")
    first = process(own, "processor", "touch started; sleep 120", "--lease", "10s")
    wait_for(lambda: (tmp_path / "started").exists(), "the command runs")
    first.proc.kill()
    first.proc.wait()
    assert own.processor.state("team/app", image.digest).json()["state"] == "quarantined"
    second = process(own, "processor2", "true")  # gets it when the lease has ended
    wait_for(lambda: own.processor.state("team/app", image.digest).json()["state"] == "released", "another processor takes over")
    second.proc.send_signal(signal.SIGTERM)
    assert second.end() == [("team/app", image.digest, "passed")]


def has_ended(pid):
    """Gone, or a zombie that nobody waits for."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("trap", ["", "trap '' TERM HUP INT; "])
def test_a_processor_that_dies_takes_its_command_with_it(own, process, tmp_path, trap):
    """Nobody renews the claim and nobody would hear what the command says: another one does the work, and must not meet the first."""
    own.publisher.push_image("team/app", "v1")
    first = process(own, "processor", trap + "echo $$ >pid.new; mv pid.new pid; while :; do sleep 0.1; done")
    wait_for(lambda: (tmp_path / "pid").exists(), "the command runs")
    pid = int((tmp_path / "pid").read_text())
    assert not has_ended(pid)
    first.proc.kill()
    first.proc.wait()
    try:
        wait_for(lambda: has_ended(pid), "the command ends")
    finally:
        if not has_ended(pid):
            os.kill(pid, signal.SIGKILL)


def test_it_survives_a_restart_of_the_registry(own, process, tmp_path):
    image = own.publisher.push_image("team/app", "v1")
    running = process(own, "processor", "touch started; until [ -e go ]; do sleep 0.1; done", "--lease", "1h")
    wait_for(lambda: (tmp_path / "started").exists(), "the command runs")
    port = own.url.rsplit(":", 1)[1]
    own.daemon.stop()
    (tmp_path / "go").touch()
    own.daemon.args = ["--listen", f"127.0.0.1:{port}"]
    own.daemon.start()
    processor = own.client("processor")
    wait_for(lambda: processor.state("team/app", image.digest).json()["state"] == "released", "the report after the restart")
    running.proc.send_signal(signal.SIGTERM)
    assert running.end() == [("team/app", image.digest, "passed")]


def test_only_its_repositories(own, process):
    mine = own.publisher.push_image("mine/app", "v1")
    other = own.publisher.push_image("other/app", "v1")
    assert process(own, "processor", "true", "--drain", "--repository", "mine/*").end() == [("mine/app", mine.digest, "passed")]
    assert own.processor.state("other/app", other.digest).json()["state"] == "quarantined"


def test_without_permission(own, process):
    own.publisher.push_image("team/app", "v1")
    results = process(own, "consumer", "true", "--drain")
    out, err = results.proc.communicate(timeout=120)
    assert results.proc.returncode in (0, 4), (out, err)
    assert out == ""
    wrong = process(own, "processor", "true", "--drain", "--password-file", "/dev/null")
    wrong.proc.communicate(timeout=120)
    assert wrong.proc.returncode in (2, 4)
    assert own.processor.state("team/app", Image().digest).status == 404
