"""A small registry client for the tests: standard library only, one keep-alive connection."""

import base64
import hashlib
import http.client
import json
import ssl
import urllib.parse

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPT_ALL = ", ".join([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST])


def digest_of(data, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def dumps(value):
    return json.dumps(value, separators=(",", ":")).encode()


def descriptor(data, media_type, **more):
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


class Response:
    """Status, headers (case-insensitive) and the whole body of one answer."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The first OCI error code, or None."""
        try:
            return self.json()["errors"][0]["code"]
        except (ValueError, KeyError, IndexError, TypeError):
            return None

    @property
    def message(self):
        return self.json()["errors"][0]["message"]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Client:
    """One principal at one registry.  `auth` is None, (user, password) or a bearer token.

    A keep-alive connection that was closed is opened anew and the request sent once more, but with `once`.
    """

    def __init__(self, base_url, auth=None, timeout=60, context=None, once=False):
        self.base = urllib.parse.urlsplit(base_url)
        self.auth = auth
        self.timeout = timeout
        self.context = context
        self.once = once
        self.conn = None

    @property
    def name(self):
        return self.auth[0] if isinstance(self.auth, tuple) else None

    def _connect(self):
        if self.base.scheme == "https":
            context = self.context or ssl.create_default_context()
            return http.client.HTTPSConnection(self.base.hostname, self.base.port, timeout=self.timeout,
                                               context=context)
        return http.client.HTTPConnection(self.base.hostname, self.base.port, timeout=self.timeout)

    def close(self):
        if self.conn is not None:
            self.conn.close()
            self.conn = None

    def authorization(self):
        if isinstance(self.auth, tuple):
            return "Basic " + base64.b64encode(":".join(self.auth).encode()).decode()
        if isinstance(self.auth, str):
            return "Bearer " + self.auth
        return None

    def request(self, method, path, body=None, headers=None, content_type=None):
        """`path` may be absolute (a Location).  A dict or list body is sent as JSON."""
        if path.startswith("http"):
            parts = urllib.parse.urlsplit(path)
            path = parts.path + ("?" + parts.query if parts.query else "")
        sent = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = dumps(body)
            content_type = content_type or "application/json"
        if content_type:
            sent["Content-Type"] = content_type
        if self.authorization() and "Authorization" not in sent:
            sent["Authorization"] = self.authorization()
        for attempt in (0, 1):
            if self.conn is None or self.once:
                attempt = 1
            if self.conn is None:
                self.conn = self._connect()
            try:
                self.conn.request(method, path, body=body, headers=sent)
                got = self.conn.getresponse()
                data = got.read()
                if got.will_close:
                    self.close()
                return Response(got.status, got.headers, data)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as e:
                # The server closed an idle keep-alive connection before it saw this request: once more on a new one.
                self.close()
                if attempt == 1:
                    e.add_note(f"{method} {path} as {self.name}")
                    raise
        raise AssertionError("unreachable")

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def head(self, path, **kw):
        return self.request("HEAD", path, **kw)

    # -- the registry's own operations ---------------------------------------------------------

    def push_blob(self, repo, data, digest=None):
        digest = digest or digest_of(data)
        started = self.request("POST", f"/v2/{repo}/blobs/uploads/")
        assert started.status == 202, started
        where = started.headers["Location"]
        where += ("&" if "?" in where else "?") + "digest=" + digest
        done = self.request("PUT", where, body=data, content_type="application/octet-stream")
        assert done.status == 201, done
        return digest

    def put_manifest(self, repo, reference, body, media_type=OCI_MANIFEST, query="", headers=None):
        return self.request("PUT", f"/v2/{repo}/manifests/{reference}{query}", body=body, content_type=media_type,
                            headers=headers)

    def get_manifest(self, repo, reference, **kw):
        return self.get(f"/v2/{repo}/manifests/{reference}", headers={"Accept": ACCEPT_ALL, **kw})

    def get_blob(self, repo, digest, **headers):
        return self.get(f"/v2/{repo}/blobs/{digest}", headers=headers)

    def tags(self, repo):
        got = self.get(f"/v2/{repo}/tags/list")
        return got.json()["tags"] if got.status == 200 else None

    def referrers(self, repo, digest, query=""):
        return self.get(f"/v2/{repo}/referrers/{digest}{query}")

    def push_image(self, repo, tag=None, image=None, **kw):
        """Push an image's blobs and its manifest, by tag or (tag None) by digest; returns the Image."""
        image = image or Image(**kw)
        for data in image.blobs:
            self.push_blob(repo, data)
        done = self.put_manifest(repo, tag or image.digest, image.manifest, image.media_type)
        assert done.status == 201, done
        return image

    # -- the quarantine's ---------------------------------------------------------------------

    def state(self, repo, digest):
        return self.get(f"/v2/{repo}/_roadstead/quarantine/{digest}")

    def decide(self, repo, digest, state, details=None, headers=None, **more):
        body = {"state": state, **more}
        if details is not None:
            body["details"] = details
        return self.request("PATCH", f"/v2/{repo}/_roadstead/quarantine/{digest}", body=body, headers=headers)

    def release(self, repo, digest, details=None, **more):
        got = self.decide(repo, digest, "released", details, **more)
        assert got.status == 200, got
        return got

    def fail(self, repo, digest, details=None, **more):
        got = self.decide(repo, digest, "failed", details, **more)
        assert got.status == 200, got
        return got

    def events(self, after=0, repository=None):
        """Every event after a sequence number that this principal may see."""
        found = []
        while True:
            got = self.get(f"/v2/_roadstead/events?after={after}&n=500")
            assert got.status == 200, got
            found += got.json()["events"]
            if not got.json()["more"]:  # a page of nothing but what others see is empty, and not the last one
                return [e for e in found if repository in (None, e["repository"])]
            after = got.json()["next"]

    def audit(self, query="", after=0):
        """Every audit record after a sequence number that matches the query."""
        found = []
        while True:
            got = self.get(f"/v2/_roadstead/audit?after={after}&n=500" + ("&" + query if query else ""))
            assert got.status == 200, got
            found += got.json()["records"]
            if not got.json()["more"]:
                return found
            after = got.json()["next"]


_counter = 0


def unique(prefix="x"):
    """A text that no other call of this process returns."""
    global _counter
    _counter += 1
    return f"{prefix}{_counter}"


class Image:
    """An image manifest with its blobs, different from every other unless `layers` and `config` are given."""

    def __init__(self, layers=None, config=None, media_type=OCI_MANIFEST, subject=None, artifact_type=None,
                 config_type=OCI_CONFIG, layer_type=OCI_LAYER, annotations=None):
        self.layers = layers if layers is not None else [unique("layer ").encode() * 10, unique("layer ").encode()]
        if config is None:
            config = dumps({"architecture": "amd64", "os": "linux", "config": {"Env": [unique("V=")]},
                            "rootfs": {"type": "layers", "diff_ids": [digest_of(d) for d in self.layers]}})
        self.config = config
        self.media_type = media_type
        doc = {"schemaVersion": 2, "mediaType": media_type}
        if artifact_type:
            doc["artifactType"] = artifact_type
        doc["config"] = descriptor(self.config, config_type)
        doc["layers"] = [descriptor(d, layer_type) for d in self.layers]
        if subject is not None:
            doc["subject"] = subject
        if annotations is not None:
            doc["annotations"] = annotations
        self.doc = doc
        self.manifest = dumps(doc)
        self.digest = digest_of(self.manifest)

    @property
    def blobs(self):
        return [self.config, *self.layers]

    @property
    def descriptor(self):
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.manifest)}


class Attachment(Image):
    """A signature, SBOM or report for a subject: an artifact manifest with the empty config."""

    def __init__(self, subject, artifact_type="application/vnd.example.sbom", content=None, **kw):
        content = content if content is not None else unique("attached ").encode()
        super().__init__(layers=[content], config=b"{}", config_type=OCI_EMPTY, layer_type=artifact_type,
                         subject=subject.descriptor if hasattr(subject, "descriptor") else subject,
                         artifact_type=artifact_type, **kw)


class Index:
    """An index over images."""

    def __init__(self, images, media_type=OCI_INDEX, subject=None, annotations=None):
        self.media_type = media_type
        self.images = images
        entries = []
        for i, image in enumerate(images):
            entries.append({**image.descriptor, "platform": {"os": "linux", "architecture": ["amd64", "arm64", "s390x"][i % 3]}})
        doc = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
        if subject is not None:
            doc["subject"] = subject
        doc["annotations"] = annotations if annotations is not None else {"org.example.n": unique()}
        self.doc = doc
        self.manifest = dumps(doc)
        self.digest = digest_of(self.manifest)

    @property
    def descriptor(self):
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.manifest)}

    def push(self, client, repo, tag=None):
        for image in self.images:
            if isinstance(image, Index):
                image.push(client, repo)
            else:
                client.push_image(repo, None, image)
        done = client.put_manifest(repo, tag or self.digest, self.manifest, self.media_type)
        assert done.status == 201, done
        return self
