"""What the steps of the pipeline need of a registry: pull by digest, push an attachment.  Standard library only."""

import base64
import hashlib
import http.client
import json
import os
import ssl
import sys
import urllib.parse

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
ACCEPT = ", ".join([MANIFEST, INDEX, "application/vnd.docker.distribution.manifest.v2+json",
                    "application/vnd.docker.distribution.manifest.list.v2+json"])
COULD_NOT_TELL = 75  # `roadstead process` runs the command again


class CannotTell(Exception):
    """Something that says nothing about the image: the network, a tool that is missing."""


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def dumps(value):
    """One text for one value, so that doing a step again gives the same digest."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def descriptor(data, media_type, **more):
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data), **more}


class Repository:
    """One repository, as the processor: where `roadstead process` says, with the user and password of the environment."""

    def __init__(self):
        self.server = urllib.parse.urlsplit(os.environ["ROADSTEAD_SERVER"])
        self.name = os.environ["ROADSTEAD_REPOSITORY"]
        self.digest = os.environ["ROADSTEAD_DIGEST"]
        login = f"{os.environ['ROADSTEAD_USER']}:{os.environ['ROADSTEAD_PASSWORD']}"
        self.authorization = "Basic " + base64.b64encode(login.encode()).decode()

    @property
    def host(self):
        return self.server.netloc

    def request(self, method, path, body=None, headers=None):
        if self.server.scheme == "https":
            context = ssl.create_default_context(cafile=os.environ.get("ROADSTEAD_CA_FILE") or None)
            conn = http.client.HTTPSConnection(self.server.netloc, timeout=300, context=context)
        else:
            conn = http.client.HTTPConnection(self.server.netloc, timeout=300)
        try:
            conn.request(method, path, body=body, headers={"Authorization": self.authorization, **(headers or {})})
            answer = conn.getresponse()
            return answer.status, answer.headers, answer.read()
        except OSError as problem:
            raise CannotTell(f"{self.host}: {problem}") from problem
        finally:
            conn.close()

    def expect(self, wanted, method, path, body=None, headers=None):
        status, got, data = self.request(method, path, body, headers)
        if status not in wanted:
            raise CannotTell(f"{method} {path}: {status} {data[:300].decode(errors='replace')}")
        return got, data

    def manifest(self, reference):
        """(document, bytes, digest), or None when there is none."""
        status, _, data = self.request("GET", f"/v2/{self.name}/manifests/{reference}", headers={"Accept": ACCEPT})
        if status == 404:
            return None
        if status != 200:
            raise CannotTell(f"manifest {reference}: {status}")
        digest = sha256(data)
        if reference.startswith("sha256:") and digest != reference:
            raise CannotTell(f"the registry sent other bytes than {reference}")
        return json.loads(data), data, digest

    def blob(self, digest):
        _, data = self.expect((200,), "GET", f"/v2/{self.name}/blobs/{digest}")
        if sha256(data) != digest:
            raise CannotTell(f"the registry sent other bytes than {digest}")
        return data

    def images(self):
        """Every image manifest that the claimed digest stands for: itself, or all that its index names, however deep.  What is decided is all of it."""
        todo, seen = [self.digest], []
        while todo:
            digest = todo.pop()
            if digest in seen:
                continue
            seen.append(digest)
            found = self.manifest(digest)
            if found is None:
                raise CannotTell(f"{digest} is gone")
            document = found[0]
            if "manifests" in document:
                todo += [entry["digest"] for entry in document["manifests"]]
            else:
                yield document, digest

    def push_blob(self, data):
        digest = sha256(data)
        status, _, _ = self.request("HEAD", f"/v2/{self.name}/blobs/{digest}")
        if status == 200:
            return
        headers, _ = self.expect((202,), "POST", f"/v2/{self.name}/blobs/uploads/")
        parts = urllib.parse.urlsplit(headers["Location"])
        query = parts.query + ("&" if parts.query else "") + "digest=" + digest
        self.expect((201,), "PUT", f"{parts.path}?{query}", data, {"Content-Type": "application/octet-stream"})

    def push_manifest(self, document, blobs, reference=None):
        """Push blobs and then the manifest, by digest or under a reference; its digest."""
        for data in blobs:
            self.push_blob(data)
        body = dumps(document)
        self.expect((201,), "PUT", f"/v2/{self.name}/manifests/{reference or sha256(body)}", body, {"Content-Type": document["mediaType"]})
        return sha256(body)

    def attach(self, subject, artifact_type, content, annotations=None):
        """Push `content` as an artifact that names the claimed image (or `subject`) as its subject; the artifact's digest."""
        _, data, digest = self.manifest(subject)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": artifact_type,
            "config": descriptor(b"{}", EMPTY),
            "layers": [descriptor(content, artifact_type)],
            "subject": {"mediaType": json.loads(data).get("mediaType", MANIFEST), "digest": digest, "size": len(data)},
        }
        if annotations:
            document["annotations"] = annotations
        return self.push_manifest(document, [b"{}", content])


def step(run):
    """Run one step: its result is printed as JSON (the details of the report), its `passed` is the exit status."""
    try:
        result = run(Repository())
    except CannotTell as problem:
        print(problem, file=sys.stderr)
        sys.exit(COULD_NOT_TELL)
    json.dump(result, sys.stdout)
    print()
    sys.exit(0 if result["passed"] else 1)
