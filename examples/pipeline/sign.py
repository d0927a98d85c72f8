#!/usr/bin/python3
"""Step 2: sign the image, and every SBOM that is attached to it, with the key in $PIPELINE_KEY (an EC P-256 key, PEM).

The signatures are in cosign's form, under cosign's tags, so that `cosign verify --key pipeline.pub` finds and checks them.
"""

import base64
import json
import os
import subprocess
import tempfile

import registry

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
ANNOTATION = "dev.cosignproject.cosign/signature"
CONFIG = "application/vnd.oci.image.config.v1+json"


def openssl(*args, data=b""):
    try:
        return subprocess.run(["openssl", *args], input=data, capture_output=True, check=False)
    except OSError as problem:
        raise registry.CannotTell(f"openssl: {problem}") from problem


def payload_of(repository, digest):
    return registry.dumps({
        "critical": {"identity": {"docker-reference": f"{repository.host}/{repository.name}"}, "image": {"docker-manifest-digest": digest},
                     "type": "cosign container image signature"},
        "optional": None,
    })


def signature_of(key, payload):
    done = openssl("dgst", "-sha256", "-sign", key, data=payload)
    if done.returncode != 0:
        raise registry.CannotTell(f"signing: {done.stderr.decode(errors='replace')}")
    return base64.b64encode(done.stdout).decode()


def is_signed_by(key, payload, signature):
    with tempfile.TemporaryDirectory() as scratch:
        public, raw = os.path.join(scratch, "key.pub"), os.path.join(scratch, "signature")
        with open(public, "wb") as f:
            f.write(openssl("pkey", "-in", key, "-pubout").stdout)
        with open(raw, "wb") as f:
            f.write(base64.b64decode(signature))
        return openssl("dgst", "-sha256", "-verify", public, "-signature", raw, data=payload).returncode == 0


def existing(repository, key, tag, payload):
    """The digest of the signature that is there already, so that a second run signs nothing twice."""
    found = repository.manifest(tag)
    if found is None:
        return None
    for layer in found[0]["layers"]:
        if layer["digest"] == registry.sha256(payload) and is_signed_by(key, payload, layer["annotations"][ANNOTATION]):
            return found[2]
    return None


def sign(repository, key, digest):
    tag = digest.replace(":", "-") + ".sig"
    payload = payload_of(repository, digest)
    done = existing(repository, key, tag, payload)
    if done:
        return done
    signature = signature_of(key, payload)
    if not is_signed_by(key, payload, signature):
        raise registry.CannotTell("the new signature does not verify")
    config = registry.dumps({"architecture": "", "config": {}, "os": "", "rootfs": {"type": "layers", "diff_ids": [registry.sha256(payload)]}})
    return repository.push_manifest({
        "schemaVersion": 2,
        "mediaType": registry.MANIFEST,
        "config": registry.descriptor(config, CONFIG),
        "layers": [registry.descriptor(payload, SIMPLE_SIGNING, annotations={ANNOTATION: signature})],
    }, [config, payload], tag)


def sboms_of(repository, digest):
    _, data = repository.expect((200,), "GET", f"/v2/{repository.name}/referrers/{digest}?artifactType=application/spdx%2Bjson")
    return [entry["digest"] for entry in json.loads(data)["manifests"] if entry.get("artifactType") == "application/spdx+json"]


def run(repository):
    key = os.environ.get("PIPELINE_KEY", "pipeline.key")
    result = {"step": "sign", "passed": True, "signatures": []}
    targets = [repository.digest]
    for _, digest in repository.images():
        sboms = sboms_of(repository, digest)
        if not sboms:
            raise registry.CannotTell(f"{digest} has no SBOM yet, and it is to be signed too")
        targets += [digest, *sboms]
    for digest in dict.fromkeys(targets):
        result["signatures"].append({"of": digest, "signature": sign(repository, key, digest)})
    return result


if __name__ == "__main__":
    registry.step(run)
