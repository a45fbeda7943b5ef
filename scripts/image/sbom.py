"""What is inside of the image, as a bill of materials in CycloneDX: Debian's packages, Python's, and single programs.

Reads the image's files and runs nothing of them.
"""

import argparse
import hashlib
import re
from collections.abc import Iterator
from email import parser as headers
from importlib import metadata
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

PLACE = "opt/image-automation"
#: Where a Go program says which module it is made of, and in which version.
_MODULE = re.compile(rb"\nmod\t([\x21-\x7e]{1,200})\t(v[\x21-\x7e]{1,100})[\t\n]")


def debian(root: Path) -> Iterator[Component]:
    """Yield the packages of Debian: unpacked ones lie in status.d, installed ones in one file."""
    folder, file = root / "var/lib/dpkg/status.d", root / "var/lib/dpkg/status"
    stanzas = [path.read_text() for path in sorted(folder.glob("*"))] if folder.is_dir() else []
    stanzas += file.read_text().split("\n\n") if file.is_file() else []
    for stanza in filter(str.strip, stanzas):
        fields = headers.Parser().parsestr(stanza)
        name, version = fields["Package"], fields["Version"]
        purl = PackageURL("deb", "debian", name, version, {"arch": fields["Architecture"]})
        yield Component(name=name, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl))


def python(root: Path) -> Iterator[Component]:
    """Yield the packages of Python."""
    for site in sorted((root / PLACE / "lib").glob("python*/site-packages")):
        for found in sorted(metadata.distributions(path=[str(site)]), key=lambda each: each.metadata["Name"].lower()):
            name = found.metadata["Name"]
            purl = PackageURL("pypi", None, re.sub(r"[-_.]+", "-", name).lower(), found.version)
            yield Component(
                name=name, version=found.version, type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl),
                description=found.metadata["Summary"],
            )  # fmt: skip


def programs(root: Path) -> Iterator[Component]:
    """Yield the programs that no package of Debian or Python stands for, by their digests."""
    for path in sorted((root / PLACE / "bin").iterdir()):
        if path.name in {"image-automation", "python3"}:  # ours, and Debian's
            continue
        content = path.read_bytes()
        digest = HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(content).hexdigest())
        purl, version = None, None
        if found := _MODULE.search(content):
            version = found[2].decode()
            purl = PackageURL("golang", *found[1].decode().rsplit("/", 1), version)
        yield Component(
            name=path.name, version=version, type=ComponentType.APPLICATION, purl=purl, hashes=[digest],
            bom_ref=f"program:{path.name}",
        )  # fmt: skip


def _kind(component: Component) -> str:
    return "program" if component.type is ComponentType.APPLICATION else component.purl.type


def main() -> None:
    """Write the bill of an image."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("root", type=Path, help="the image's files, as `buildah mount` shows them")
    arguments.add_argument("--output", type=Path, required=True)
    chosen = arguments.parse_args()
    bill = Bom(components=[*debian(chosen.root), *python(chosen.root), *programs(chosen.root)])
    image = Component(name="image-automation", type=ComponentType.CONTAINER, bom_ref="image")
    bill.metadata.component = image
    bill.register_dependency(image, bill.components)
    chosen.output.write_text(JsonV1Dot6(bill).output_as_string(indent=2))
    kinds = [_kind(each) for each in bill.components]
    print(", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds))))


if __name__ == "__main__":
    main()
