#!/usr/bin/python3
"""Step 1: write down what is in the image (SPDX 2.3) and attach it to the image."""

import json

import packages
import registry

SPDX = "application/spdx+json"


def document_of(digest, created, found, system):
    items = []
    for i, package in enumerate(found):
        items.append({
            "SPDXID": f"SPDXRef-Package-{i + 1}",
            "name": package["name"],
            "versionInfo": package["version"],
            "sourceInfo": f"built from {package['source']}",
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                              "referenceLocator": f"pkg:{package['type']}/{package['name']}@{package['version']}"}],
        })
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{system} {digest}",
        "documentNamespace": f"urn:oci:{digest}",
        "creationInfo": {"created": created, "creators": ["Tool: roadstead-example-sbom"]},
        "packages": items,
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": item["SPDXID"]}
                          for item in items],
    }


def run(repository):
    result = {"step": "sbom", "passed": True, "sboms": []}
    for document, digest in repository.images():
        found, system = packages.of_image(repository, document)
        config = json.loads(repository.blob(document["config"]["digest"]))
        # The image's own date, so that the same image has the same SBOM whenever it is made.
        created = config.get("created", "1970-01-01T00:00:00Z")
        sbom = registry.dumps(document_of(digest, created, found, system))
        result["sboms"].append({"image": digest, "sbom": repository.attach(digest, SPDX, sbom), "packages": len(found)})
        # Nothing is known about an image that tells of no package: it cannot be called compliant.
        result["passed"] = result["passed"] and len(found) > 0
    return result


if __name__ == "__main__":
    registry.step(run)
