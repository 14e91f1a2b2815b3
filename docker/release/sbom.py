#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the bill of materials of a release, as SPDX 2.3 in JSON.  Run by build.sh:

    sbom.py TREE PACKAGES ARCHITECTURE VERSION COMPILER LINKED... >TREE/share/handrail.spdx.json

PACKAGES is packages.txt, COMPILER the version of gcc, whose runtime library is in every program,
and each LINKED is PROGRAM=ARCHIVE,ARCHIVE: what the linker was given for it.  Its files are the compiled
ones.  All that is said
follows from these, so the same release has the same bill.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

ARCHIVES = {"libcurl": "curl", "libev": "libev", "libjansson": "jansson", "libmd": "libmd",
            "libmicrohttpd": "libmicrohttpd", "libpcre2-8": "pcre2", "libseccomp": "libseccomp",
            "libyaml": "libyaml", "libz": "zlib", "libc": "musl-dev"}
SHARED = {"libgcc_s.so.1": "libgcc-s1"}  # the others of lib/ are of libc6
HEADERS_ONLY = {"libc6-dev", "linux-libc-dev"}  # nothing of them is in a release but small constants
LOADER_CHANGED = "changed: the name of /etc/ld.so.preload is empty in it"
RUNTIME_LICENCE = "GPL-3.0-or-later WITH GCC-exception-3.1"


def licence(text: str) -> str:
    return text.replace("|", " OR ").replace("&", " AND ").replace("~", " WITH ")


def spdx_id(kind: str, name: str) -> str:
    return f"SPDXRef-{kind}-" + re.sub(r"[^A-Za-z0-9.]", "-", name)


def package(name: str, version: str, licences: str, **more: Any) -> dict[str, Any]:
    return {"SPDXID": spdx_id("Package", name), "name": name, "versionInfo": version,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "licenseConcluded": licences, "licenseDeclared": licences,
            "copyrightText": "NOASSERTION", **more}


def pinned(lines: list[str], architecture: str, suite: str) -> list[dict[str, Any]]:
    """The packages of packages.txt; of a source package the checksum is that of its .dsc, which has
    those of its other files."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        name, version, arch, licences, _, path, sha256 = line.split()
        if arch not in ("source", "all", architecture) or name in found or name in HEADERS_ONLY:
            continue
        purl = f"pkg:deb/debian/{name}@{version.replace('+', '%2B')}?arch={arch}&distro={suite}"
        found[name] = package(
            name, version, licence(licences), packageFileName=path.rsplit("/", 1)[1],
            supplier="Organization: Debian",
            checksums=[{"algorithm": "SHA256", "checksumValue": sha256}],
            externalRefs=[{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                           "referenceLocator": purl}])
    return list(found.values())


def is_elf(path: Path) -> bool:
    with path.open("rb") as f:
        return f.read(4) == b"\x7fELF"


def file_entry(tree: Path, path: Path) -> dict[str, Any]:
    data, name = path.read_bytes(), str(path.relative_to(tree))
    return {"SPDXID": spdx_id("File", name), "fileName": f"./{name}",
            "fileTypes": ["BINARY"],
            "checksums": [{"algorithm": "SHA1", "checksumValue": hashlib.sha1(data).hexdigest()},
                          {"algorithm": "SHA256",
                           "checksumValue": hashlib.sha256(data).hexdigest()}],
            "licenseConcluded": "NOASSERTION", "copyrightText": "NOASSERTION",
            **({"comment": LOADER_CHANGED} if path.name.startswith("ld-linux") else {})}


def main() -> None:
    tree, packages_file = Path(sys.argv[1]), Path(sys.argv[2])
    architecture, version, compiler = sys.argv[3:6]
    text = packages_file.read_text()
    said = dict(re.findall(r"^(suite|epoch) (\S+)$", text, re.M))
    lines = [line for line in text.splitlines() if re.match(r"[a-z]", line) and len(line.split()) == 7]
    files = sorted(p for p in tree.rglob("*") if p.is_file() and not p.is_symlink() and is_elf(p))
    entries = [file_entry(tree, p) for p in files]
    bill = [package("handrail", version, "MIT"), *pinned(lines, architecture, said["suite"]),
            package("libgcc", compiler, RUNTIME_LICENCE, comment="the compiler's runtime library")]
    known = {p["name"] for p in bill}

    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", spdx_id("Package", "handrail"))]
    # The package contains them, which SPDX lets it say only if all its files are listed.
    relations += [("SPDXRef-DOCUMENT", "DESCRIBES", e["SPDXID"]) for e in entries]
    relations += [(spdx_id("File", str(p.relative_to(tree))), "GENERATED_FROM",
                   spdx_id("Package", "handrail")) for p in files if p.parent.name == "bin"]
    for linked in sys.argv[6:]:
        program, archives = linked.split("=")
        for name in sorted({ARCHIVES[a] for a in archives.split(",")} | {"libgcc"}):
            if name not in known:
                sys.exit(f"sbom: {program} is linked with {name}, which is not in {packages_file}")
            relations.append((spdx_id("File", f"bin/{program}"), "STATIC_LINK",
                              spdx_id("Package", name)))
    for path in sorted((tree / "lib").glob("*.so*")):
        relations.append((spdx_id("File", f"lib/{path.name}"), "GENERATED_FROM",
                          spdx_id("Package", SHARED.get(path.name, "libc6"))))
    unused = {p["SPDXID"] for p in bill} - {r[2] for r in relations}
    if unused:
        sys.exit(f"sbom: nothing of {', '.join(sorted(unused))} is in the release")

    created = datetime.datetime.fromtimestamp(int(said["epoch"]), datetime.timezone.utc)
    digest = hashlib.sha256("".join(e["checksums"][1]["checksumValue"] for e in entries).encode())
    json.dump({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"handrail-{version}-{architecture}",
        "documentNamespace": f"urn:handrail:{version}:{architecture}:{digest.hexdigest()}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: handrail-docker/release/sbom.py"]},
        "packages": bill, "files": entries,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                          for a, kind, b in relations]}, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
