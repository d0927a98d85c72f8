"""Denied reads of content in quarantine: gathered in memory, and in the audit log after a while, each with its count."""

from client import Client, digest_of
from daemon import wait_for


def test_denied_reads_are_recorded(make_registry):
    """A denied read of held content is in the audit log, gathered; other denials and the 401 before a login are not."""
    registry = make_registry()
    held = registry.publisher.push_image("team/held", "v1")
    live = registry.publisher.push_image("team/live", "v1")
    registry.processor.release("team/live", live.digest)
    for _ in range(3):
        assert registry.consumer.get_manifest("team/held", held.digest).status == 403
    assert registry.consumer.head("/v2/team/held/manifests/v1").status == 403
    assert registry.publisher2.get_manifest("team/held", held.digest).status == 404
    assert registry.consumer.get_blob("team/held", digest_of(held.layers[0])).status == 403
    for client in (Client(registry.url), registry.stranger):
        assert client.get_manifest("team/held", held.digest).status in (401, 403)
    for client, path in ((registry.consumer, "manifests/none"), (registry.consumer, f"manifests/{live.digest}")):
        client.get(f"/v2/team/live/{path}")
    registry.daemon.restart()  # what was gathered is written at the latest when the daemon stops
    records = Client(registry.url, registry.credentials["auditor"]).audit("action=read-denied")
    found = {(r["actor"], r["repository"]) for r in records}
    assert found == {("consumer", "team/held"), ("publisher2", "team/held")}, records


def denied(registry):
    """(actor, reference) -> the counts of its records."""
    found = {}
    for record in registry.auditor.audit("action=read-denied"):
        reference = record["digest"] or record["tags"][0]
        found.setdefault((record["actor"], reference), []).append(record["details"]["count"])
    return found


def test_they_are_written_after_the_interval_without_a_stop(make_registry):
    registry = make_registry(config={"audit": {"denied_reads_interval": "1s"}})
    held = registry.publisher.push_image("team/held", "v1")
    for round_ in (1, 2):
        assert registry.consumer.get_manifest("team/held", held.digest).status == 403
        wait_for(lambda: denied(registry).get(("consumer", held.digest)) == [1] * round_, "the denied read is recorded")
    assert set(denied(registry)) == {("consumer", held.digest)}


def test_reads_within_one_interval_are_one_record(make_registry):
    """At most once a minute unless said otherwise: nobody floods the log by asking again and again."""
    registry = make_registry()
    held = registry.publisher.push_image("team/held", "v1")
    for _ in range(50):
        assert registry.consumer.get_manifest("team/held", held.digest).status == 403
        assert registry.consumer.head("/v2/team/held/manifests/v1").status == 403
    registry.daemon.restart()
    registry.auditor = registry.client("auditor")
    counts = denied(registry)
    assert set(counts) == {("consumer", held.digest), ("consumer", "v1")}
    # The machine may be slow: as many records as minutes went by, and every read in one of them.
    assert all(sum(c) == 50 and len(c) < 10 for c in counts.values()), counts


def test_checkpoints_keep_their_own_pace(make_registry):
    """Writing denied reads often signs no more checkpoints than their interval says."""
    registry = make_registry(config={"audit": {"denied_reads_interval": "1s", "checkpoint_interval": "1h"}})
    held = registry.publisher.push_image("team/held", "v1")
    for round_ in (1, 2, 3):
        assert registry.consumer.get_manifest("team/held", held.digest).status == 403
        wait_for(lambda: denied(registry).get(("consumer", held.digest)) == [1] * round_, "the denied read is recorded")
    assert "audit checkpoint" not in registry.daemon.log.read_text()
    assert registry.auditor.get("/v2/_roadstead/audit/checkpoint").status == 200  # unless somebody asks for one
    assert registry.daemon.log.read_text().count("audit checkpoint") == 1


def test_an_interval_out_of_bounds_is_refused(make_daemon):
    for value in ("0", "10ms", "2h", "soon"):
        daemon = make_daemon(name=f"interval-{value}", config={"audit": {"denied_reads_interval": value}}, start=False)
        daemon.spawn()
        code = wait_for(lambda: daemon.proc.poll() is not None and (daemon.proc.returncode,), "the daemon refuses to start")[0]
        daemon.proc = None
        assert code != 0 and "audit.denied_reads_interval" in daemon.tail(), daemon.tail()
