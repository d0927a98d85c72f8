"""Who sees what: the roles by their columns of the specification's table, and the content that they look at."""

import urllib.parse

from client import Attachment, Client, Image, Index, digest_of

# principal -> column.  P is the publisher of it all, W any other one, N has no grant that opens content.
COLUMNS = {
    "qreader": "Q", "processor": "Q", "scanner": "Q", "publisher": "P", "publisher2": "W", "maintainer": "W",
    "consumer": "R", "auditor": "N", "admin": "N", "stranger": "N",
}
SCHEMES = ("basic", "bearer")


def token(client, *scopes):
    """A bearer token for these scopes; `client` None or without credentials asks as anonymous."""
    query = "&".join("scope=" + urllib.parse.quote(s) for s in scopes)
    got = client.get(f"/token?{query}")
    assert got.status == 200, got
    return got.json()["token"]


class Looker:
    """One principal with one way to log in, looking at one repository.  No name: somebody anonymous, with scheme "none" without
    any Authorization header, with "bearer" by a token of `anonymous`."""

    def __init__(self, registry, name, scheme, repo):
        self.name, self.scheme, self.repo = name, scheme, repo
        base = registry.client(name) if name else Client(registry.url)
        self.client = base
        if scheme == "bearer":
            self.client = Client(registry.url, token(base, f"repository:{repo}:pull"))
        self.column = COLUMNS.get(name, "anonymous")

    def ask(self, method, path, repo=None, **headers):
        return self.client.request(method, f"/v2/{repo or self.repo}/{path}", headers=headers)

    def manifest(self, reference, method="GET", **headers):
        return self.ask(method, f"manifests/{reference}", **headers)

    def blob(self, digest, method="GET", **headers):
        return self.ask(method, f"blobs/{digest}", **headers)

    def __repr__(self):
        return f"{self.name or 'anonymous'} with {self.scheme}"


def lookers(registry, repo):
    """Every principal by Basic and by Bearer, and whoever is anonymous."""
    return [Looker(registry, name, scheme, repo) for name in COLUMNS for scheme in SCHEMES] + [
        Looker(registry, None, scheme, repo) for scheme in ("none", "bearer")]


# Every policy that changes what is seen; the tests of a row run under each of them.
POLICIES = {"by default": {}, "disclose off": {"disclose": False}, "echo off": {"echo": False},
            "disclose and echo off": {"disclose": False, "echo": False}}


class Content:
    """A repository with every kind of content, pushed by `publisher` (attachments by `processor`), all of it under its sha256
    and its sha512 digest, under a policy with these rules."""

    def __init__(self, registry, repo, **rules):
        self.repo = repo
        self.discloses, self.echoes = rules.get("disclose", True), rules.get("echo", True)
        if rules:
            registry.policy(repo, **rules)
        push, process = registry.publisher, registry.processor
        shared = f"shared layer of {repo}".encode() * 20
        self.released = push.push_image(repo, "live", layers=[shared, f"released layer of {repo}".encode()])
        process.release(repo, self.released.digest)
        push.put_manifest(repo, "both", self.released.manifest)
        self.held = push.push_image(repo, "staged", layers=[shared, f"held layer of {repo}".encode() * 30])
        push.put_manifest(repo, "both", self.held.manifest)
        self.failed = push.push_image(repo, "failed")
        process.fail(repo, self.failed.digest, {"found": "a secret"})
        self.index = Index([Image(), Image()]).push(push, repo, "index")
        self.part = self.index.images[0]
        self.attachment = process.push_image(repo, None, Attachment(self.held))
        self.unnamed = push.push_blob(repo, f"unnamed blob of {repo}".encode())
        push.push_blob(repo, f"unnamed blob of {repo}".encode(), digest_of(f"unnamed blob of {repo}".encode(), "sha512"))
        for image in (self.released, self.held, self.failed, *self.index.images, self.index):
            also_sha512(push, repo, image)
        also_sha512(process, repo, self.attachment)
        self.shared, self.released_layer = (digest_of(d) for d in self.released.layers)
        self.held_layer = digest_of(self.held.layers[1])
        self.held_config = digest_of(self.held.config)
        self.nothing = digest_of(f"nothing of {repo}".encode())
        self.elsewhere = push.push_blob(repo + "/elsewhere", f"elsewhere than {repo}".encode())
        self.image_elsewhere = push.push_image(repo + "/elsewhere", "live")
        process.release(repo + "/elsewhere", self.image_elsewhere.digest)


def also_sha512(client, repo, image):
    """Let what was pushed be known by its sha512 digests, too."""
    for data in getattr(image, "blobs", []):
        client.push_blob(repo, data, digest_of(data, "sha512"))
    done = client.put_manifest(repo, digest_of(image.manifest, "sha512"), image.manifest, image.media_type)
    assert done.status == 201, done


def both_digests(data):
    return [digest_of(data, "sha256"), digest_of(data, "sha512")]


def comparable(answer, repo):
    """What somebody can tell from an answer: all of it but the time, its number and the repository's name."""
    headers = sorted((k, v.replace(repo, "")) for k, v in answer.headers.items() if k not in ("Date", "X-Request-Id"))
    return answer.status, answer.body.replace(repo.encode(), b""), headers


def check_like_nowhere(looker, method, path, statuses, **headers):
    """The very answer that a repository gives that does not exist."""
    nowhere = looker.repo[:-1] + ("0" if looker.repo[-1] != "0" else "1")  # as long, for Content-Length
    here = looker.ask(method, path, **headers)
    there = looker.ask(method, path.replace(looker.repo, nowhere), repo=nowhere, **headers)
    assert here.status in statuses, (looker, method, path, here)
    assert comparable(here, looker.repo) == comparable(there, nowhere), (looker, method, path)
    return here


def no_grant_statuses(looker):
    """What who has nothing on a repository may be answered."""
    if looker.column == "anonymous":
        return (401,) if looker.scheme == "none" else (404,)
    return (403,) if looker.scheme == "basic" else (401, 403)
