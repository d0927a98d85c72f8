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
    """One principal with one way to log in, looking at one repository."""

    def __init__(self, registry, name, scheme, repo):
        self.name, self.scheme, self.repo = name, scheme, repo
        base = registry.client(name) if name else Client(registry.url)
        self.client = base
        if scheme == "bearer":
            self.client = Client(registry.url, token(base, f"repository:{repo}:pull"))
        self.column = COLUMNS.get(name, "anonymous")

    def manifest(self, reference, method="GET", **headers):
        return self.client.request(method, f"/v2/{self.repo}/manifests/{reference}", headers=headers)

    def blob(self, digest, method="GET", **headers):
        return self.client.request(method, f"/v2/{self.repo}/blobs/{digest}", headers=headers)

    def __repr__(self):
        return f"{self.name or 'anonymous'} with {self.scheme}"


def lookers(registry, repo):
    """Every principal by Basic and by Bearer."""
    return [Looker(registry, name, scheme, repo) for name in COLUMNS for scheme in SCHEMES]


class Content:
    """A repository with every kind of content, pushed by `publisher` (attachments by `processor`)."""

    def __init__(self, registry, repo):
        self.repo = repo
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
        self.shared, self.released_layer = (digest_of(d) for d in self.released.layers)
        self.held_layer = digest_of(self.held.layers[1])
        self.held_config = digest_of(self.held.config)
        self.nothing = digest_of(f"nothing of {repo}".encode())
        self.elsewhere = push.push_blob(repo + "/elsewhere", f"elsewhere than {repo}".encode())


def denial(looker, missing):
    """The status that a principal without any grant gets, and somebody anonymous: nothing there is known to him."""
    if looker.column == "anonymous":
        return (401,) if looker.scheme == "none" else (404,)
    return (401, 403) if looker.scheme == "bearer" else (403,)
