"""Does what it is told with Azure's SDK for Python, one process a principal: a JSON line in (operation and arguments), a JSON line out."""

import hashlib
import json
import sys
import time

from azure.containerregistry import ContainerRegistryClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError


class Credential:
    """A TokenCredential that gives a token of the registry's own in the place of one of Azure's directory."""

    def __init__(self, secret):
        self.secret = secret

    def get_token(self, *scopes, **kw):
        return AccessToken(self.secret, int(time.time()) + 3600)


def can(p):
    return [p.can_delete, p.can_write, p.can_list, p.can_read]


def ms(when):
    return round(when.timestamp() * 1000)


def text(value):
    return getattr(value, "value", value)


def manifest(p):
    return {"digest": p.digest, "tags": sorted(p.tags or []), "architecture": text(p.architecture), "os": text(p.operating_system),
            "size": p.size_in_bytes, "created": ms(p.created_on), "updated": ms(p.last_updated_on), "can": can(p)}


def tag(p):
    return {"name": p.name, "digest": p.digest, "created": ms(p.created_on), "updated": ms(p.last_updated_on), "can": can(p)}


def repository(p):
    return {"name": p.name, "manifests": p.manifest_count, "tags": p.tag_count, "created": ms(p.created_on), "updated": ms(p.last_updated_on),
            "can": can(p)}


class Operations:
    def __init__(self, endpoint, secret):
        self.client = ContainerRegistryClient(endpoint, Credential(secret) if secret else None, retry_total=0)

    def names(self, page):
        return list(self.client.list_repository_names(results_per_page=page))

    def repository(self, repo):
        return repository(self.client.get_repository_properties(repo))

    def tags(self, repo, page, order):
        return [tag(p) for p in self.client.list_tag_properties(repo, results_per_page=page, order_by=order)]

    def tag(self, repo, name):
        return tag(self.client.get_tag_properties(repo, name))

    def manifests(self, repo, page, order):
        return [manifest(p) for p in self.client.list_manifest_properties(repo, results_per_page=page, order_by=order)]

    def manifest(self, repo, reference):
        return manifest(self.client.get_manifest_properties(repo, reference))

    def get(self, repo, reference):
        got = self.client.get_manifest(repo, reference)
        return {"digest": got.digest, "type": got.media_type, "manifest": got.manifest}

    def download(self, repo, digest):
        data = b"".join(self.client.download_blob(repo, digest))
        return {"digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}

    def upload(self, repo, path):
        with open(path, "rb") as data:
            digest, size = self.client.upload_blob(repo, data)
        return {"digest": digest, "size": size}

    def set(self, repo, body, name):
        return self.client.set_manifest(repo, body, tag=name)

    def update(self, kind, repo, reference):
        if kind == "repository":
            return self.client.update_repository_properties(repo, can_write=False)
        change = self.client.update_tag_properties if kind == "tag" else self.client.update_manifest_properties
        return change(repo, reference, can_write=False)

    def delete_tag(self, repo, name):
        return self.client.delete_tag(repo, name)

    def delete_manifest(self, repo, reference):
        return self.client.delete_manifest(repo, reference)

    def delete_repository(self, repo):
        return self.client.delete_repository(repo)


def main():
    endpoint, secret = sys.argv[1:]
    operations = Operations(endpoint, secret)
    for line in sys.stdin:
        what, *args = json.loads(line)
        try:
            answer = {"value": getattr(operations, what)(*args)}
        except HttpResponseError as e:
            answer = {"status": e.status_code, "said": str(e)}
        except Exception as e:  # the test says what it expected instead
            answer = {"status": 0, "said": f"{type(e).__name__}: {e}"}
        print(json.dumps(answer), flush=True)


main()
