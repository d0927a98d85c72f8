"""The quarantine flow and the calls that Azure's documentation shows, with plain curl: only the host name and the certificate are ours.

Not here, because it is not the registry's: `docker` (tests/clients does that with real clients) and the management API, by which a
registry's quarantine policy and webhooks are set there; here an administrator sets them (`roadstead policy`, `roadstead webhook`).
"""

import json
import os
import pathlib
import shlex
import subprocess

import pytest

from client import Client, Image
from conftest import Registry
from daemon import wait_for
from receiver import Receiver
from test_http_tls import TlsDaemon, certificate, trusting  # noqa: F401

DETAILS = {"scanner": "SecurityCenter", "state": "ScanState", "link": "https://testresult/summary",
           "result": {"version": "0.0.1", "summary": [{"severity": "Critical", "count": 0}, {"severity": "Low", "count": 10}]}}


class Azure:
    """A shell in which $registry is a host that curl trusts."""

    def __init__(self, registry, cert):
        self.registry = registry
        self.host = registry.daemon.tls_url.split("//")[1]
        self.cert = str(cert)

    def sh(self, script, **variables):
        env = {"PATH": os.environ["PATH"], "HOME": str(pathlib.Path(self.cert).parent), "CURL_CA_BUNDLE": self.cert, "registry": self.host,
               **variables}
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (script, done.stdout, done.stderr)
        return done.stdout

    def curl(self, arguments, **variables):
        """(status, headers, body) of one curl; `arguments` as one writes them in a shell."""
        out = self.sh(f"curl -sS -D - -w '\\n%{{http_code}}' {arguments}", **variables)
        head, _, rest = out.replace("\r\n", "\n").partition("\n\n")
        body, _, status = rest.rpartition("\n")
        headers = dict(line.split(": ", 1) for line in head.split("\n")[1:])
        return int(status), headers, body

    def credential(self, who):
        """base64 of user:password, as the documentation has it made in a shell."""
        user, password = self.registry.credentials[who]
        return self.sh("echo -n \"$user:$password\" | base64 -w0", user=user, password=password).strip()

    def token(self, who, scope):
        status, _, body = self.curl('-H "Authorization: Basic $acr_credential" "https://$registry/oauth2/token?service=$registry&scope=$scope"',
                                    acr_credential=self.credential(who), scope=scope)
        assert status == 200, body
        return json.loads(body)["access_token"]

    def get(self, token, path):
        return self.curl(f'-H "Authorization: Bearer $acr_access_token" "https://$registry{path}"', acr_access_token=token)

    def patch(self, token, repo, digest, body, more=""):
        return self.curl(f"-X PATCH -H \"Authorization: Bearer $acr_access_token\" {more} -d {shlex.quote(json.dumps(body))}"
                         f' "https://$registry/acr/v1/{repo}/_manifests/{digest}"', acr_access_token=token)


@pytest.fixture(scope="module")
def azure(tmp_path_factory, certificate):  # noqa: F811
    daemon = TlsDaemon(tmp_path_factory.mktemp("azure"), *certificate)
    config = json.loads(daemon.config.read_text())
    daemon.config.write_text(json.dumps({**config, "webhooks": {"allow_http": True, "private_networks": ["127.0.0.0/8"]}}))
    daemon.start()
    try:
        yield Azure(Registry(daemon), certificate[0])
    finally:
        daemon.stop()


@pytest.fixture
def registry(azure):
    return azure.registry


@pytest.fixture
def notified(azure):
    """What a webhook in Azure's format is sent, for one repository: notified(repo) -> a list that grows."""
    receiver, made = Receiver(), []

    def listen(repo):
        name = "azure-" + repo.split("/")[1]
        got = azure.registry.admin.request("POST", "/v2/_roadstead/webhooks", body={
            "name": name, "url": receiver.url, "format": "acr", "events": ["quarantine", "push", "delete"], "repositories": [repo]})
        assert got.status == 201, got
        made.append(name)
        return receiver.deliveries

    yield listen
    for name in made:
        azure.registry.admin.request("DELETE", f"/v2/_roadstead/webhooks/{name}")
    receiver.close()


def test_the_whole_flow(azure, registry, notified, repo):
    deliveries = notified(repo)
    image = registry.publisher.push_image(repo, "1")

    # Pushed, and held: nobody pulls it, by tag or by digest.
    for who, reference, status in (("consumer", "1", 403), ("consumer", image.digest, 403), ("publisher", "1", 404)):
        got = azure.get(azure.token(who, f"repository:{repo}:pull"), f"/v2/{repo}/manifests/{reference}")
        assert got[0] == status, got

    # The scanner is told.
    wait_for(lambda: len(deliveries) == 1, "the quarantine webhook")
    told = deliveries[0].json()
    assert set(told) == {"id", "timestamp", "action", "target", "request"} and told["action"] == "quarantine"
    size = len(image.manifest)
    assert told["target"] == {"mediaType": image.media_type, "size": size, "digest": image.digest, "length": size, "repository": repo, "tag": "1"}
    assert set(told["request"]) == {"id", "host", "method"} and told["request"]["method"] == "PUT"

    # It lists what is there, looks at the attributes and pulls by digest: as AcrQuarantineReader.
    reader = azure.token("qreader", f"repository:{repo}:pull")
    status, _, body = azure.get(reader, f"/acr/v1/{repo}/_manifests")
    listed, = json.loads(body)["manifests"]
    status, _, body = azure.get(reader, f"/acr/v1/{repo}/_manifests/{told['target']['digest']}")
    seen = json.loads(body)
    assert status == 200 and seen["registry"] == azure.host and seen["imageName"] == repo and seen["manifest"] == listed
    assert seen["manifest"]["changeableAttributes"]["quarantineState"] == "Quarantined"
    pulled = azure.curl('-H "Authorization: Bearer $acr_access_token" -H "Accept:application/vnd.oci.image.manifest.v1+json"'
                        f' "https://$registry/v2/{repo}/manifests/{image.digest}"', acr_access_token=reader)
    assert pulled[0] == 200 and pulled[2].encode() == image.manifest
    for blob in image.doc["layers"] + [image.doc["config"]]:
        out = azure.sh('curl -sS -L -H "Authorization: Bearer $token" "https://$registry/v2/$repo/blobs/$digest" | sha256sum', token=reader, repo=repo,
                       digest=blob["digest"])
        assert "sha256:" + out.split()[0] == blob["digest"]
    assert azure.patch(reader, repo, image.digest, {"quarantineState": "Passed"})[0] == 403  # a reader does not decide

    # It removes the flag, as AcrQuarantineWriter.
    writer = azure.token("processor", f"repository:{repo}:pull,push")
    status, _, body = azure.patch(writer, repo, image.digest, {"quarantineState": "Passed", "quarantineDetails": json.dumps(DETAILS)})
    changed = json.loads(body)["manifest"]["changeableAttributes"]
    assert status == 200 and changed["quarantineState"] == "Passed" and json.loads(changed["quarantineDetails"]) == DETAILS

    # Everybody is told, and pulls by tag.
    wait_for(lambda: len(deliveries) == 2, "the push webhook")
    pushed = deliveries[1].json()
    assert pushed["action"] == "push" and pushed["target"] == told["target"] and pushed["id"] != told["id"]
    got = azure.get(azure.token("consumer", f"repository:{repo}:pull"), f"/v2/{repo}/manifests/1")
    assert got[0] == 200 and got[2].encode() == image.manifest
    record, = registry.auditor.audit(f"repository={repo}&action=released")
    assert record["details"] == DETAILS and record["actor"] == "processor" and record["tags"] == ["1"]


def test_a_failed_scan(azure, registry, notified, repo):
    deliveries = notified(repo)
    image = registry.publisher.push_image(repo, "1")
    writer = azure.token("processor", f"repository:{repo}:pull,push")
    status, _, body = azure.patch(writer, repo, image.digest, {"quarantineState": "Failed", "quarantineDetails": json.dumps(DETAILS)})
    assert status == 200 and json.loads(body)["manifest"]["changeableAttributes"]["quarantineState"] == "Failed"
    assert azure.get(azure.token("consumer", f"repository:{repo}:pull"), f"/v2/{repo}/manifests/1")[0] == 403
    registry.maintainer.request("DELETE", f"/v2/{repo}/manifests/{image.digest}")
    wait_for(lambda: len(deliveries) == 2, "both webhooks")
    assert [d.json()["action"] for d in deliveries] == ["quarantine", "delete"]  # nobody is told of a push
    deleted = deliveries[1].json()
    assert deleted["target"]["digest"] == image.digest and deleted["request"]["method"] == "DELETE" and "tag" not in deleted["target"]


@pytest.mark.parametrize("more", ["", "-H 'Content-Type: application/json'", "-H 'Content-Type: application/json; charset=utf-8'", "-H 'Content-Type;'"])
def test_a_decision_whatever_type_curl_calls_it(azure, registry, repo, more):
    """curl -d says that it is a form."""
    image = registry.publisher.push_image(repo, "1")
    writer = azure.token("processor", f"repository:{repo}:pull,push")
    got = azure.patch(writer, repo, image.digest, {"quarantineState": "Passed", "quarantineDetails": '{"state":"scan passed","link":"http://test.io/test"}'},
                      more)
    assert got[0] == 200, got


def test_the_way_to_a_token_with_a_password(azure, registry, repo):
    """The challenge names the service and the scope; the token that it leads to is good for the call."""
    image = registry.publisher.push_image(repo, "latest")
    registry.processor.release(repo, image.digest)
    status, headers, body = azure.curl(f"https://$registry/v2/{repo}/manifests/latest")
    assert status == 401 and json.loads(body)["errors"][0]["code"] == "UNAUTHORIZED"
    scheme, _, parameters = headers["WWW-Authenticate"].partition(" ")
    asked = dict(p.split("=", 1) for p in parameters.split(","))
    assert scheme == "Bearer" and asked["scope"] == f'"repository:{repo}:pull"' and asked["realm"].startswith(f'"https://{azure.host}/')
    got = azure.curl('-H "Authorization: Basic $acr_credential" "$realm?service=$service&scope=$scope"', acr_credential=azure.credential("consumer"),
                     **{name: asked[name].strip('"') for name in ("realm", "service", "scope")})
    token = json.loads(got[2])["access_token"]
    assert azure.get(token, f"/v2/{repo}/manifests/latest")[2].encode() == image.manifest


def test_the_way_to_a_token_with_an_exchange(azure, registry, repo):
    """The access token of Azure's directory is one of the registry's own here."""
    registry.processor.release(repo, registry.publisher.push_image(repo, "latest").digest)
    own = json.loads(azure.curl('-u "$user:$password" "https://$registry/oauth2/token?service=$registry&offline_token=true"',
                                **dict(zip(("user", "password"), registry.credentials["consumer"])))[2])["refresh_token"]
    form = '-X POST -H "Content-Type: application/x-www-form-urlencoded" -d'
    status, _, body = azure.curl(f'{form} "grant_type=access_token&service=$registry&tenant=$tenant&access_token=$aad_access_token"'
                                 " https://$registry/oauth2/exchange", tenant="409520d4-8100-4d1d-ad47-72432ddcc120", aad_access_token=own)
    assert status == 200 and set(json.loads(body)) == {"refresh_token"}
    refresh = json.loads(body)["refresh_token"]
    for scope, path in (("registry:catalog:*", "/v2/_catalog"), (f"repository:{repo}:pull", f"/v2/{repo}/tags/list"),
                        (f"repository:{repo}:metadata_read", f"/acr/v1/{repo}/_tags")):
        status, _, body = azure.curl(f'{form} "grant_type=refresh_token&service=$registry&scope=$scope&refresh_token=$acr_refresh_token"'
                                     " https://$registry/oauth2/token", scope=scope, acr_refresh_token=refresh)
        assert status == 200, body
        assert azure.get(json.loads(body)["access_token"], path)[0] == 200
    # The null GUID says that the password is a token: `docker login` with it.
    basic = azure.curl('-u "00000000-0000-0000-0000-000000000000:$acr_refresh_token" "https://$registry/oauth2/token?service=$registry&scope=$scope"',
                       scope=f"repository:{repo}:pull", acr_refresh_token=refresh)
    assert azure.get(json.loads(basic[2])["access_token"], f"/v2/{repo}/manifests/latest")[0] == 200


@pytest.mark.parametrize("scope,operation,key", [("registry:catalog:*", "/v2/_catalog?n=2", "repositories"),
                                                 ("repository:{repo}:pull", "/v2/{repo}/tags/list?n=2", "tags"),
                                                 ("repository:{repo}:metadata_read", "/acr/v1/{repo}/_tags?n=2&orderby=timedesc", "tags"),
                                                 ("repository:{repo}:metadata_read", "/acr/v1/{repo}/_manifests?n=2&orderby=timeasc", "manifests"),
                                                 ("registry:catalog:*", "/acr/v1/_catalog?n=2", "repositories")])
def test_the_documented_loop_over_pages(azure, registry, repo, scope, operation, key):
    for i in range(5):
        registry.processor.release(f"{repo}/r{i}", registry.publisher.push_image(f"{repo}/r{i}", "v1").digest)
        registry.processor.release(repo, registry.publisher.push_image(repo, f"v{i}").digest)
    script = r'''
        headers=$(mktemp -t headers.XXXXX)
        while [ -n "$operation" ]
        do
            curl -sS -H "Authorization: Bearer $acr_access_token" "https://$registry$operation" -D $headers
            echo
            operation=$(cat $headers | sed -n 's/^Link: <\(.*\)>.*/\1/p')
        done
        rm $headers'''
    token = azure.token("consumer", scope.format(repo=repo))
    pages = [json.loads(line)[key] for line in azure.sh(script, acr_access_token=token, operation=operation.format(repo=repo)).splitlines()]
    assert all(len(page) <= 2 for page in pages) and len(pages) >= 3
    found = [entry if isinstance(entry, str) else entry.get("name", entry.get("digest")) for page in pages for entry in page]
    assert len(found) == len(set(found))
    if key == "tags":
        assert sorted(found) == [f"v{i}" for i in range(5)]
    elif key == "manifests":
        assert len(found) == 5
    else:
        assert {repo, *(f"{repo}/r{i}" for i in range(5))} <= set(found)


def test_a_scanner_that_starts_from_the_lists(azure, registry, repo):
    """Before quarantine is switched on there, all that exists is to be scanned first: by the catalog and the lists of manifests."""
    images = [registry.publisher.push_image(repo, f"v{i}", Image()) for i in range(3)]
    names = json.loads(azure.get(azure.token("processor", "registry:catalog:*"), "/acr/v1/_catalog?n=1000")[2])["repositories"]
    assert repo in names
    writer = azure.token("processor", f"repository:{repo}:pull,push")
    held = [m["digest"] for m in json.loads(azure.get(writer, f"/acr/v1/{repo}/_manifests")[2])["manifests"]
            if m["changeableAttributes"]["quarantineState"] == "Quarantined"]
    assert sorted(held) == sorted(image.digest for image in images)
    for digest in held:
        assert azure.patch(writer, repo, digest, {"quarantineState": "Passed", "quarantineDetails": "{}"})[0] == 200
    assert Client(registry.daemon.tls_url, registry.credentials["consumer"], context=trusting(azure.cert)).tags(repo) == ["v0", "v1", "v2"]


def test_the_host_in_the_payload(make_registry, repo):
    """The registry's name in a webhook is the one that the operator says its clients use."""
    receiver = Receiver()
    registry = make_registry(config={"service": {"url": "https://registry.example"},
                                     "webhooks": {"allow_http": True, "private_networks": ["127.0.0.0/8"]}})
    try:
        made = registry.admin.request("POST", "/v2/_roadstead/webhooks", body={"name": "scanner", "url": receiver.url, "format": "acr",
                                                                               "events": ["quarantine"]})
        assert made.status == 201, made
        registry.publisher.push_image(repo, "1")
        wait_for(lambda: receiver.deliveries, "the webhook")
        assert receiver.deliveries[0].json()["request"]["host"] == "registry.example"
    finally:
        receiver.close()
