"""The command line, asked as people and scripts ask it, against the real daemon."""

import json
import os
import re
import socket
import subprocess
import threading

import pytest

from client import Attachment, Image, Index
from daemon import binary

OK, NO, USAGE, UNREACHABLE, DENIED, REFUSED, SERVER, TIMEOUT = range(8)
COMMANDS = ["serve", "status", "list", "tags", "inspect", "release", "fail", "check", "wait", "delete", "events", "audit",
            "user", "robot", "workload", "grant", "policy", "webhook"]
GROUPS = {
    "audit": ["list", "export", "verify", "checkpoint", "key"],
    "user": ["add", "list", "show", "password", "disable", "enable", "delete"],
    "robot": ["add", "list", "show", "rotate", "disable", "enable", "delete"],
    "workload": ["add", "list", "show", "set", "disable", "enable", "delete"],
    "grant": ["add", "list", "remove"],
    "policy": ["list", "show", "set", "remove"],
    "webhook": ["add", "list", "show", "change", "rotate", "ping", "deliveries", "redeliver", "delete"],
}


class Done:
    def __init__(self, completed):
        self.code = completed.returncode
        self.out = completed.stdout
        self.err = completed.stderr

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"<{self.code} out={self.out!r} err={self.err!r}>"


def clean_environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ROADSTEAD_")}
    return {**kept, **more}


def roadstead(*args, env=None, input="", timeout=300):
    """Run the program without any registry in its environment."""
    return Done(subprocess.run([binary(), *args], input=input, capture_output=True, text=True, timeout=timeout,
                               env=clean_environment(**(env or {}))))


class Cli:
    """The command line as one principal of a registry."""

    def __init__(self, registry, name):
        user, password = registry.credentials[name]
        self.env = {"ROADSTEAD_SERVER": registry.url, "ROADSTEAD_USER": user, "ROADSTEAD_PASSWORD": password}

    def __call__(self, *args, code=OK, **kw):
        done = roadstead(*args, env=self.env, **kw)
        assert done.code == code, done
        return done

    def json(self, *args, **kw):
        return self(*args, "--json", **kw).json()

    def start(self, *args):
        return subprocess.Popen([binary(), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                stdin=subprocess.DEVNULL, env=clean_environment(**self.env))


class Relay:
    """A fixed address in front of a daemon that comes back on another port."""

    def __init__(self, url):
        self.target = url
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            try:
                host, port = self.target.split("//")[1].split(":")
                daemon = socket.create_connection((host, int(port)))
            except OSError:
                client.close()
                continue
            for a, b in ((client, daemon), (daemon, client)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


@pytest.fixture
def relayed(make_registry):
    """(registry, relay, its publisher's and processor's command line through the relay)"""
    registry = make_registry()
    relay = Relay(registry.url)
    through = {}
    for name in ("publisher", "processor"):
        through[name] = Cli(registry, name)
        through[name].env["ROADSTEAD_SERVER"] = relay.url
    yield registry, relay, through
    relay.close()


def restart(registry, relay):
    registry.daemon.restart()
    relay.target = registry.url
    for name in list(registry.__dict__):
        if isinstance(registry.__dict__[name], type(registry.admin)):
            del registry.__dict__[name]  # connected to the old port


@pytest.fixture
def cli(registry):
    return lambda name: Cli(registry, name)


# ---- help and mistakes ----------------------------------------------------------------------------


def test_help_of_everything():
    every = roadstead("--help")
    assert every.code == OK
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", every.out, re.MULTILINE), command
        for form in ([command, "--help"], ["help", command]):
            done = roadstead(*form)
            assert done.code == OK and done.err == "", done
            assert done.out.startswith(f"Usage: roadstead {command}")
        for sub in GROUPS.get(command, []):
            assert re.search(rf"^  {sub} ", done.out, re.MULTILINE), (command, sub)
            for form in ([command, sub, "--help"], ["help", command, sub]):
                more = roadstead(*form)
                assert more.code == OK and more.out.startswith(f"Usage: roadstead {command} {sub}"), more
    for text in [every.out] + [roadstead(c, "--help").out for c in COMMANDS]:
        assert max(len(line) for line in text.splitlines()) <= 90


def test_help_lists_every_option_that_is_understood():
    """An option in the help is known to the parser, which says what is wrong with the way it is used here."""
    for command in [[c] for c in COMMANDS if c not in GROUPS] + [[g, s] for g in GROUPS for s in GROUPS[g]]:
        text = roadstead(*command, "--help").out
        options = re.findall(r"^  --([a-z-]+)( [A-Z])?", text, re.MULTILINE)
        if command != ["serve"]:
            assert {"server", "user", "json"} <= {name for name, _ in options}, command
        for name, value in options:
            done = roadstead(*command, f"--{name}" if value else f"--{name}=x")
            assert done.code == USAGE, done
            assert f"--{name} needs a value" in done.err if value else f"--{name} takes no value" in done.err, done


@pytest.mark.parametrize("args, said", [
    ([], ""),
    (["staus"], 'did you mean "status"?'),
    (["nonsense-command"], "there is no command"),
    (["user", "ad"], 'did you mean "user add"?'),
    (["user"], ""),
    (["list", "--sever", "x"], "did you mean --server?"),
    (["list", "--server"], "--server needs a value"),
    (["list", "--json=yes"], "--json takes no value"),
    (["list", "--json", "--json"], "--json is given twice"),
    (["list", "-x"], "options are written out"),
    (["list", "extra"], "1 arguments were given"),
    (["release"], "0 arguments were given"),
    (["release", "app"], "neither a tag nor a digest"),
    (["release", "http://host/app:1"], "is no image"),
    (["release", "App:1"], "is no image"),
    (["release", "app:-x"], "cannot be a tag"),
    (["release", "app@sha256:abc"], "is no digest"),
    (["release", "app@sha256:" + "A" * 64], "is no digest"),
    (["check", "app:1", "scan", "maybe"], "running, passed or failed"),
    (["wait", "app@sha256:" + "a" * 64, "--for", "soon"], "a duration"),
    (["list", "--limit", "0"], "a number from 1"),
    (["tags", "../x"], "not the name of a repository"),
    (["list", "--server", "127.0.0.1:5000"], "--server must be"),
    (["list", "--server", "http://127.0.0.1:5000/v2"], "--server must be"),
    (["list", "--user", "ann"], "needs a password"),
    (["list", "--password-file", "x"], "needs --user"),
    (["list", "--user", "ann", "--password-file", "/no/such/file"], "/no/such/file"),
    (["grant", "remove", "a", "b"], "principal, role and pattern"),
    (["release", "app:1", "--details", "x", "--details-file", "y"], "two ways"),
    (["audit", "verify", "--partial"], "for --file"),
    (["webhook", "change", "x"], "nothing to change"),
    (["serve", "--set", "limits.wokers=1"], "limits.workers"),
    (["serve", "--set", "nonsense"], "KEY=VALUE"),
    (["serve", "--config", "/no/such/file"], "/no/such/file"),
])
def test_mistakes_are_told_in_one_line(args, said):
    done = roadstead(*args)
    if args[:2] == ["serve", "--config"]:
        assert done.code == SERVER, done
    else:
        assert done.code == USAGE, done
    if said:
        assert said in done.err, done
        assert done.err.startswith("roadstead: ") and done.err.count("\n") == 1, done
        assert done.out == ""


def test_a_password_does_not_go_over_plain_http_to_another_machine():
    env = {"ROADSTEAD_PASSWORD": "secret"}
    done = roadstead("list", "--server", "http://registry.invalid:5000", "--user", "ann", env=env)
    assert done.code == USAGE and "--allow-http" in done.err
    done = roadstead("list", "--server", "http://registry.invalid:5000", "--user", "ann", "--allow-http", env=env)
    assert done.code == UNREACHABLE


def test_version():
    assert re.fullmatch(r"roadstead \d+\.\d+\.\d+\n", roadstead("--version").out)


# ---- exit codes -----------------------------------------------------------------------------------


def test_nobody_there():
    with socket.socket() as taken:  # bound, not listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        done = roadstead("list", "--server", f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert done.code == UNREACHABLE and done.err.count("\n") == 1


def test_exit_codes(registry, repo, cli):
    image = registry.publisher.push_image(repo, "1")
    stranger, consumer, processor = cli("stranger"), cli("consumer"), cli("processor")
    assert "UNAUTHORIZED" in roadstead("list", "--server", registry.url).err
    assert roadstead("list", "--server", registry.url).code == DENIED
    wrong = roadstead("list", "--server", registry.url, "--user", "processor", "--password-file", "-", input="wrong\n")
    assert wrong.code == DENIED
    stranger("tags", repo, code=DENIED)
    consumer("release", f"{repo}@{image.digest}", code=DENIED)
    processor("release", f"{repo}@sha256:{'0' * 64}", code=NO)
    processor("release", f"{repo}:absent", code=NO)
    processor("fail", f"{repo}@{image.digest}", "--expect", "failed", code=REFUSED)
    cli("consumer")("user", "list", code=DENIED)


def test_a_password_that_can_be_read_only_once(registry, tmp_path):
    """`--password-file <(command)`: a pipe has given all it has, and a named one would be waited for without an end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("wrong\n",), daemon=True)
    writer.start()
    done = roadstead("list", "--server", registry.url, "--user", "processor", "--password-file", str(pipe), timeout=60)
    writer.join()
    assert done.code == DENIED and done.err.count("\n") == 1, done


def test_a_server_that_is_none():
    """Whatever answers: one line, no crash, and no byte of it reaches the terminal as it is."""
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{",
        b"HTTP/1.1 500 X\r\nContent-Type: application/json\r\nContent-Length: 73\r\n\r\n"
        + json.dumps({"errors": [{"code": "\x1b[31mX", "message": "\x1b]0;owned\x07\r\nroadstead: fine"}]}).encode().ljust(73),
        b"nonsense\r\n\r\n",
        b"",
    ]
    for answer in answers:
        with socket.create_server(("127.0.0.1", 0)) as server:
            def serve():
                while True:
                    try:
                        conn, _ = server.accept()
                    except OSError:
                        return
                    with conn:
                        conn.recv(65536)
                        conn.sendall(answer)
            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            for command in (["list"], ["status"], ["status", f"a@sha256:{'0' * 64}"], ["wait", f"a@sha256:{'0' * 64}", "--for", "0"],
                            ["inspect", f"a@sha256:{'0' * 64}"], ["audit", "verify"]):
                done = roadstead(*command, "--server", url)
                assert 0 <= done.code <= TIMEOUT, done
                assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.out + done.err), done
                assert "\nroadstead: fine" not in done.err
            server.shutdown(socket.SHUT_RDWR)


# ---- the way of an image --------------------------------------------------------------------------


def test_from_push_to_release(registry, repo, cli):
    publisher, processor, consumer = cli("publisher"), cli("processor"), cli("consumer")
    image = registry.publisher.push_image(repo, "1.0")
    listed = processor.json("list", "--repository", repo)
    assert [(i["repository"], i["digest"], i["state"], i["tags"]) for i in listed] == \
        [(repo, image.digest, "quarantined", ["1.0"])]
    table = processor("list", "--repository", repo).out.splitlines()
    assert table[0].split() == ["REPOSITORY", "TAGS", "STATE", "SINCE", "PUBLISHER", "WAITS", "FOR", "DIGEST"]
    assert len(table) == 2 and image.digest in table[1] and "a decision" in table[1] and "publisher" in table[1]
    assert consumer("list", "--repository", repo).out == ""
    assert consumer("tags", repo).out == ""
    assert processor.json("tags", repo) == ["1.0"]

    shown = processor.json("status", f"{repo}:1.0")
    assert (shown["state"], shown["digest"]) == ("quarantined", image.digest)
    assert processor("status", f"{repo}:1.0").out.startswith("repository:")
    assert publisher.json("status", f"{repo}@{image.digest}")["state"] == "quarantined"

    inspected = processor.json("inspect", f"{repo}:1.0")
    assert inspected["manifest"] == image.doc and inspected["digest"] == image.digest
    assert processor("inspect", f"{repo}:1.0", "--raw").out.encode() == image.manifest
    consumer("inspect", f"{repo}@{image.digest}", code=DENIED)

    done = processor("release", f"{repo}:1.0", "--details", '{"scan": "clean"}')
    assert image.digest in done.out and "released" in done.out
    again = processor("release", f"{repo}@{image.digest}")
    assert "as it was before" in again.out
    assert consumer.json("tags", repo) == ["1.0"]
    assert consumer("inspect", f"{repo}:1.0", "--raw").out.encode() == image.manifest
    processor("fail", f"{repo}@{image.digest}", code=REFUSED)
    record = cli("auditor").json("audit", "--repository", repo, "--action", "released")
    assert [r["details"] for r in record] == [{"scan": "clean"}]


def test_what_is_released_with_an_image_is_named(registry, repo, cli):
    index = Index([Image(), Image()])
    index.push(registry.publisher, repo, "1.0")
    sbom = Attachment(index)
    registry.processor.push_image(repo, None, sbom)
    out = cli("processor")("release", f"{repo}@{index.digest}").out
    for digest in [index.digest, sbom.digest] + [i.digest for i in index.images]:
        assert digest in out


def test_details_of_every_kind(registry, repo, cli, tmp_path):
    processor = cli("processor")
    file = tmp_path / "details"
    file.write_text('{"n": [1, 2]}\n')
    cases = [(["--details", "looked at it"], "looked at it"), (["--details", "17"], 17),
             (["--details", "\x1b[31m\n\u202e\"\\"], "\x1b[31m\n\u202e\"\\"),
             (["--details-file", str(file)], {"n": [1, 2]}), (["--details-file", "-"], "from stdin"), ([], None)]
    for args, expected in cases:
        image = registry.publisher.push_image(repo)
        processor("fail", f"{repo}@{image.digest}", *args, input="from stdin")
        assert processor.json("status", f"{repo}@{image.digest}").get("details") == expected
        shown = processor("status", f"{repo}@{image.digest}").out
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown), shown


def test_failed(registry, repo, cli):
    image = registry.publisher.push_image(repo, "1.0")
    processor = cli("processor")
    assert "failed" in processor("fail", f"{repo}:1.0", "--details", "bad").out
    assert [i["digest"] for i in processor.json("list", "--state", "failed", "--repository", repo)] == [image.digest]
    assert processor.json("list", "--repository", repo) == []


def test_checks(registry, repo, cli):
    registry.policy(repo, checks=["scan", "sign"])
    image = registry.publisher.push_image(repo, "1.0")
    scanner, signer, processor = cli("scanner"), cli("signer"), cli("processor")
    assert "scan, sign" in processor("list", "--repository", repo).out
    scanner("check", f"{repo}@{image.digest}", "scan", "running")
    assert "scan (running), sign" in processor("list", "--repository", repo).out
    processor("release", f"{repo}@{image.digest}", code=REFUSED)
    scanner("check", f"{repo}@{image.digest}", "sign", "passed", code=DENIED)
    scanner("check", f"{repo}@{image.digest}", "scan", "passed", "--details", "{}")
    signer("check", f"{repo}@{image.digest}", "sign", "passed")
    assert processor.json("status", f"{repo}@{image.digest}")["state"] == "released"


def test_wait(registry, repo, cli):
    publisher, processor = cli("publisher"), cli("processor")
    good, bad = (registry.publisher.push_image(repo) for _ in range(2))
    publisher("wait", f"{repo}@{good.digest}", "--for", "0", code=TIMEOUT)
    waiting = [publisher.start("wait", f"{repo}@{image.digest}", "--for", "10m") for image in (good, bad)]
    try:
        assert [w.poll() for w in waiting] == [None, None]
        processor("release", f"{repo}@{good.digest}")
        processor("fail", f"{repo}@{bad.digest}")
        ended = [w.communicate(timeout=300) for w in waiting]
    finally:
        for w in waiting:
            w.kill()
            w.wait()
    assert [w.returncode for w in waiting] == [OK, NO]
    assert ended[0][0] == f"{repo}@{good.digest}: released\n"
    assert ended[1][0] == f"{repo}@{bad.digest}: failed\n"
    processor("wait", f"{repo}@sha256:{'0' * 64}", code=NO)


def test_wait_by_tag_never_answers_about_another_image(registry, repo, cli):
    """A publisher's tag shows the live image, while a newer one waits that the publisher asks about."""
    publisher, processor = cli("publisher"), cli("processor")
    first = registry.publisher.push_image(repo, "1.0")
    processor("release", f"{repo}@{first.digest}")
    second = registry.publisher.push_image(repo, "1.0")
    done = publisher("wait", f"{repo}:1.0", "--for", "0", code=USAGE)
    assert "digest" in done.err
    assert second.digest in processor("wait", f"{repo}:1.0", "--for", "0", code=TIMEOUT).err
    processor("release", f"{repo}@{second.digest}")
    assert processor("wait", f"{repo}:1.0", "--for", "0").out == f"{repo}@{second.digest}: released\n"


def test_wait_survives_a_restart(relayed):
    registry, relay, through = relayed
    image = registry.publisher.push_image("t/app")
    waiting = through["publisher"].start("wait", f"t/app@{image.digest}", "--for", "1h")
    try:
        restart(registry, relay)
        registry.client("processor").release("t/app", image.digest)
        out, err = waiting.communicate(timeout=300)
    finally:
        waiting.kill()
        waiting.wait()
    assert waiting.returncode == OK, (out, err)


def test_delete(registry, repo, cli):
    maintainer, processor = cli("maintainer"), cli("processor")
    images = [registry.publisher.push_image(repo, t) for t in ("a", "b", "c")]
    maintainer("delete", f"{repo}:a", f"{repo}:b")
    assert processor.json("tags", repo) == ["c"]
    assert processor.json("status", f"{repo}@{images[0].digest}")["state"] == "quarantined"
    maintainer("delete", f"{repo}@{images[2].digest}")
    assert processor.json("tags", repo) == []
    processor("status", f"{repo}@{images[2].digest}", code=NO)
    maintainer("delete", f"{repo}:a", code=NO)
    cli("publisher")("delete", f"{repo}@{images[0].digest}", code=DENIED)


def test_long_lists_come_whole(registry, repo, cli):
    image = registry.publisher.push_image(repo)
    cli("processor")("release", f"{repo}@{image.digest}")
    tags = sorted(f"t{i:04}" for i in range(1205))
    for tag in tags:
        assert registry.publisher.put_manifest(repo, tag, image.manifest).status == 201
    assert cli("consumer").json("tags", repo) == tags
    assert cli("consumer").json("tags", repo, "--limit", "7") == tags[:7]
    assert len(cli("consumer")("tags", repo, "--limit", "1001").out.splitlines()) == 1002
    assert repo in cli("consumer").json("list", "--repositories")


# ---- events ---------------------------------------------------------------------------------------


def test_events(registry, repo, cli):
    start = max([e["sequence"] for e in registry.processor.events()], default=0)
    image = registry.publisher.push_image(repo, "1.0")
    cli("processor")("release", f"{repo}@{image.digest}")
    seen = cli("processor").json("events", "--after", str(start))
    assert [(e["type"], e["repository"], e["digest"]) for e in seen] == \
        [("quarantine", repo, image.digest), ("push", repo, image.digest)]
    assert len(cli("processor").json("events", "--after", str(start), "--limit", "1")) == 1
    table = cli("processor")("events", "--after", str(start)).out.splitlines()
    assert len(table) == 3 and "quarantine" in table[1] and "push" in table[2]


def test_events_follow(registry, repo, cli):
    start = max([e["sequence"] for e in registry.processor.events()], default=0)
    first = registry.publisher.push_image(repo, "1")
    following = cli("processor").start("events", "--follow", "--after", str(start), "--limit", "3", "--json")
    try:
        assert json.loads(following.stdout.readline())["digest"] == first.digest
        cli("processor")("release", f"{repo}@{first.digest}")
        second = registry.publisher.push_image(repo, "2")
        out, err = following.communicate(timeout=300)
    finally:
        following.kill()
        following.wait()
    got = [json.loads(line) for line in out.splitlines()]
    assert following.returncode == OK, err
    assert [(e["type"], e["digest"]) for e in got] == [("push", first.digest), ("quarantine", second.digest)]


def test_events_follow_goes_on_after_a_restart(relayed):
    registry, relay, through = relayed
    first = registry.publisher.push_image("t/app", "1")
    following = through["processor"].start("events", "--follow", "--limit", "2", "--json")
    try:
        assert json.loads(following.stdout.readline())["digest"] == first.digest
        restart(registry, relay)
        second = registry.client("publisher").push_image("t/app", "2")
        out, err = following.communicate(timeout=300)
    finally:
        following.kill()
        following.wait()
    assert following.returncode == OK, err
    assert [json.loads(line)["digest"] for line in out.splitlines()] == [second.digest]


def test_events_follow_ends_when_denied(registry):
    done = roadstead("events", "--follow", env={"ROADSTEAD_SERVER": registry.url})
    assert done.code == DENIED


# ---- the audit log --------------------------------------------------------------------------------


def test_audit_export_and_verify(make_registry, tmp_path):
    registry = make_registry()
    auditor = Cli(registry, "auditor")
    image = registry.publisher.push_image("t/app", "1.0")
    Cli(registry, "processor")("release", f"t/app@{image.digest}")
    assert auditor.json("audit", "verify")["sound"] is True
    key, note, export = tmp_path / "key", tmp_path / "note", tmp_path / "export"
    key.write_text(auditor("audit", "key").out)
    auditor("audit", "export", "--output", str(export))
    note.write_text(auditor("audit", "checkpoint").out)
    assert auditor("audit", "export").out == export.read_text()
    lines = export.read_text().splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == list(range(1, len(lines) + 1))

    # offline: no server anywhere
    def verify(*args, code=OK, lines=lines):
        export.write_text("".join(line + "\n" for line in lines))
        done = roadstead("audit", "verify", "--file", str(export), "--json", *args)
        assert done.code == code, done
        return done.json() if done.out else None

    checkpoint = ["--key", str(key), "--checkpoint", str(note)]
    assert verify(*checkpoint)["sound"] is True
    assert verify()["records"] == len(lines)
    verify(code=NO, lines=lines[:3] + lines[4:])
    verify("--partial", lines=lines[:3] + lines[4:])
    verify(code=NO, lines=[lines[1], lines[0]] + lines[2:])
    verify(code=NO, lines=lines[:4] + [lines[4].replace("admin", "nobody", 1)] + lines[5:])
    verify(lines=lines[:-1])  # a cut at the end shows only against a checkpoint
    verify(*checkpoint, code=NO, lines=lines[:-1])
    signed = note.read_text()
    note.write_text(signed.replace(signed.splitlines()[1], "1", 1))
    verify(*checkpoint, code=NO)
    assert roadstead("audit", "verify", "--file", str(export), "--checkpoint", str(note)).code == USAGE
    note.write_text(signed)
    auditor("audit", "verify", "--checkpoint", str(note))


def test_audit_filters(registry, repo, cli):
    image = registry.publisher.push_image(repo, "1.0")
    cli("processor")("release", f"{repo}@{image.digest}")
    auditor = cli("auditor")
    assert [r["action"] for r in auditor.json("audit", "--repository", repo)] == ["quarantined", "released"]
    assert [r["action"] for r in auditor.json("audit", "list", "--digest", image.digest, "--actor", "processor")] == ["released"]
    assert len(auditor.json("audit", "--limit", "3")) == 3
    assert auditor.json("audit", "--repository", repo, "--from", "2100-01-01T00:00:00Z") == []
    auditor("audit", "--from", "yesterday", code=REFUSED)
    cli("consumer")("audit", code=DENIED)


# ---- identities, grants, policies, webhooks -------------------------------------------------------


def test_users(registry, repo, cli):
    admin = cli("admin")
    assert admin.json("user", "add", "cli-ann", "--password-stdin", input="a good password\n") == {"name": "cli-ann"}
    made = admin.json("user", "add", "cli-bob")["password"]
    admin("user", "add", "cli-ann", code=REFUSED)
    assert {"cli-ann", "cli-bob"} <= {u["name"] for u in admin.json("user", "list")}
    for name, password in (("cli-ann", "a good password"), ("cli-bob", made)):
        registry.credentials[name] = (name, password)
        assert cli(name).json("status")["identity"]["name"] == name
    admin("user", "password", "cli-ann", "--password-stdin", input="another password")
    cli("cli-ann")("status", code=DENIED)
    admin("user", "password", "cli-ann", code=USAGE)
    assert admin.json("user", "disable", "cli-bob")["disabled"] is True
    cli("cli-bob")("status", code=DENIED)
    assert admin.json("user", "enable", "cli-bob")["disabled"] is False
    cli("cli-bob")("status")
    admin("user", "delete", "cli-bob")
    admin("user", "show", "cli-bob", code=NO)
    cli("cli-bob")("status", code=DENIED)
    for odd in ("..", "a/b", "../../healthz", "x?y=z", "a b", "\u202e"):
        assert roadstead("user", "show", odd, env=admin.env).code in (NO, REFUSED), odd


def test_robots(registry, cli):
    admin = cli("admin")
    first = admin.json("robot", "add", "cli-robot")["secret"]
    registry.credentials["cli-robot"] = ("cli-robot", first)
    cli("cli-robot")("status")
    second = admin.json("robot", "rotate", "cli-robot")["secret"]
    cli("cli-robot")("status", code=DENIED)
    registry.credentials["cli-robot"] = ("cli-robot", second)
    cli("cli-robot")("status")
    assert "cli-robot" in admin("robot", "list").out
    admin("robot", "delete", "cli-robot")
    cli("cli-robot")("status", code=DENIED)


def test_grants(registry, cli):
    admin = cli("admin")
    admin("user", "add", "cli-granted")
    one = admin.json("grant", "add", "cli-granted", "publisher", "cli/**")
    admin("grant", "add", "cli-granted", "check:scan", "cli/*")
    admin("grant", "add", "cli-granted", "quarantine-override", "cli/*")
    held = admin.json("grant", "list", "--principal", "cli-granted")
    assert [(g.get("role"), g.get("permission"), g["pattern"]) for g in held] == \
        [("publisher", None, "cli/**"), (None, "check:scan", "cli/*"), (None, "quarantine-override", "cli/*")]
    admin("grant", "add", "cli-granted", "admin", "**", code=REFUSED)
    admin("grant", "add", "cli-granted", "emperor", "**", code=REFUSED)
    admin("grant", "remove", str(one["id"]))
    admin("grant", "remove", "cli-granted", "check:scan", "cli/*")
    admin("grant", "remove", "cli-granted", "check:scan", "cli/*", code=NO)
    assert len(admin.json("grant", "list", "--principal", "cli-granted")) == 1


def test_policies(registry, repo, cli, tmp_path):
    admin = cli("admin")
    admin("policy", "set", f"{repo}/**", "--check", "scan", "--check", "sign", "--overdue-after", "24h", "--immutable-tags", "v*",
          "--no-echo", "--no-disclose", "--separate-duties", "--position", "0")
    shown = admin.json("policy", "show", f"{repo}/**")
    assert shown["checks"] == ["scan", "sign"] and shown["immutable_tags"] == ["v*"] and shown["overdue_after"] == "1d"
    assert (shown["echo"], shown["disclose"], shown["separate_duties"]) == (False, False, True)
    copied = tmp_path / "policy.json"
    copied.write_text(json.dumps(shown))
    admin("policy", "set", f"{repo}/copy", "--file", str(copied))
    assert admin.json("policy", "show", f"{repo}/copy")["checks"] == ["scan", "sign"]
    admin("policy", "set", f"{repo}/**", "--quarantine", "off")
    assert admin.json("policy", "show", f"{repo}/**")["checks"] == []  # the whole policy is set anew
    assert f"{repo}/**" in admin("policy", "list").out
    admin("policy", "set", f"{repo}/**", "--quarantine", "perhaps", code=REFUSED)
    admin("policy", "remove", f"{repo}/**")
    admin("policy", "remove", f"{repo}/copy")
    admin("policy", "show", f"{repo}/**", code=NO)
    admin("policy", "remove", f"{repo}/**", code=NO)
    cli("processor")("policy", "list", code=DENIED)


def test_webhooks(registry, cli):
    admin = cli("admin")
    secret = admin.json("webhook", "add", "cli-hook", "https://hooks.example.invalid/x", "--event", "push", "--event", "delete",
                        "--repository", "cli-none/**", "--format", "docker", "--disabled")["secret"]
    assert secret.startswith("whsec_")
    shown = admin("webhook", "show", "cli-hook", "--json")
    assert secret not in shown.out
    assert shown.json()["events"] == ["push", "delete"] and shown.json()["enabled"] is False
    admin("webhook", "change", "cli-hook", "--enabled", "--url", "https://hooks.example.invalid/y")
    assert admin.json("webhook", "show", "cli-hook")["url"].endswith("/y")
    assert admin.json("webhook", "rotate", "cli-hook", "--drop-previous")["secret"] != secret
    assert "cli-hook" in admin("webhook", "list").out
    assert admin.json("webhook", "deliveries", "cli-hook") == []
    admin("webhook", "redeliver", "cli-hook")
    assert admin.json("webhook", "ping", "cli-hook", code=NO)["delivered"] is False
    admin("webhook", "add", "cli-hook2", "http://127.0.0.1/", code=REFUSED)
    admin("webhook", "delete", "cli-hook")
    admin("webhook", "show", "cli-hook", code=NO)


# ---- transport ------------------------------------------------------------------------------------


def test_tls(make_daemon, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)], check=True,
                   capture_output=True)
    daemon = make_daemon(args=["--tls-listen", "127.0.0.1:0", "--tls-certificate", str(cert), "--tls-key", str(key)])
    url = next(u for u in daemon.urls if u.startswith("https://"))
    user, password = daemon.admin_auth()
    env = {"ROADSTEAD_SERVER": url, "ROADSTEAD_USER": user, "ROADSTEAD_PASSWORD": password}
    untrusted = roadstead("status", env=env)
    assert untrusted.code == UNREACHABLE and "certificate" in untrusted.err, untrusted
    assert roadstead("status", "--ca-file", str(cert), env=env).code == OK
    assert roadstead("status", env={**env, "ROADSTEAD_CA_FILE": str(cert)}).code == OK


def test_output_that_cannot_be_written(registry, cli):
    admin = cli("admin")
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary(), "user", "list"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300,
                              env=clean_environment(**admin.env))
    assert done.returncode == SERVER and "standard output" in done.stderr
    assert "cannot be written" in cli("auditor")("audit", "export", "--output", "/dev/full", code=SERVER).err
