#!/usr/bin/env python3
"""The bill of materials of the binary, as CycloneDX 1.5 JSON: every crate that is linked into `casebook` on a target, with
its version, licence, checksum and what it uses. From cargo's own metadata and the lockfile; nothing is fetched. The same
sources give the same bytes."""

import argparse
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--target", required=True)
    arguments.add_argument("--version", required=True)
    arguments.add_argument("--binary", required=True)
    arguments.add_argument("--package", default="cli")
    asked = arguments.parse_args()
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", asked.target],
            check=True,
            capture_output=True,
        ).stdout
    )
    with open("Cargo.lock", "rb") as lock:
        checksums = {
            (package["name"], package["version"]): package.get("checksum")
            for package in tomllib.load(lock)["package"]
        }
    json.dump(bill(metadata, checksums, asked), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


def bill(metadata, checksums, asked):
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = next(id for id in metadata["workspace_members"] if packages[id]["name"] == asked.package)
    linked = reached(nodes, root)
    name = lambda id: root_reference(asked) if id == root else purl(packages[id])
    with open(asked.binary, "rb") as binary:
        digest = hashlib.sha256(binary.read()).hexdigest()
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.UUID(digest[:32])}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": root_reference(asked),
                "name": "casebook",
                "version": asked.version,
                "purl": root_reference(asked),
                "licenses": [{"expression": "Apache-2.0"}],
                "hashes": [{"alg": "SHA-256", "content": digest}],
                "properties": [{"name": "casebook:target", "value": asked.target}],
            },
        },
        "components": sorted(
            (component(packages[id], checksums) for id in linked if id != root), key=lambda c: c["bom-ref"]
        ),
        "dependencies": sorted(
            ({"ref": name(id), "dependsOn": sorted(name(other) for other in normal(nodes[id]))} for id in linked),
            key=lambda d: d["ref"],
        ),
    }


def normal(node):
    """What it uses when it runs; what only builds it, or tests it, is not in the binary."""
    return {dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])}


def reached(nodes, root):
    seen, waiting = {root}, [root]
    while waiting:
        for other in normal(nodes[waiting.pop()]) - seen:
            seen.add(other)
            waiting.append(other)
    return seen


def root_reference(asked):
    return f"pkg:generic/casebook@{asked.version}"


def purl(package):
    reference = f"pkg:cargo/{package['name']}@{package['version']}"
    return reference if package["source"] else f"{reference}?type=local"


def component(package, checksums):
    checksum = checksums.get((package["name"], package["version"]))
    # Old manifests write alternatives with a stroke.
    licence = re.sub(r"\s*/\s*", " OR ", package["license"] or "")
    kinds = {kind for target in package["targets"] for kind in target["kind"]}
    found = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
        # Macros run while it is built and leave code behind.
        "scope": "excluded" if "proc-macro" in kinds else "required",
    }
    if licence:
        found["licenses"] = [{"expression": licence}]
    if checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"] and package["source"]:
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return found


if __name__ == "__main__":
    main()
