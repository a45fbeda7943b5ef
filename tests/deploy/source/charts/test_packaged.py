"""Where helm is looked for: beside the interpreter, on the path, in a package."""

import io
import platform
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from deploy.source.charts import packaged, program

pytestmark = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="the package holds another machine's program"
)

SAYS = b"#!/bin/sh\necho v4\n"


def install(folder: Path, content: bytes = SAYS, *, layer: str = "package/lib/layer.zip") -> None:
    """Lay out the package as pip does, with a program in it."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("helm/helm", content)
    (folder / "carrier").mkdir(parents=True)
    with tarfile.open(folder / "carrier" / "layer@2.jsii.tgz", "w:gz") as tar:
        entry = tarfile.TarInfo(layer)
        entry.size = len(zipped.getvalue())
        tar.addfile(entry, io.BytesIO(zipped.getvalue()))
    described = folder / "carrier-2.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: carrier\nVersion: 2\n")
    (described / "RECORD").write_text("carrier/layer@2.jsii.tgz,,\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without helm, whose packages are in a folder."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "environment/bin/python"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(packaged, "PACKAGE", "carrier")
    (tmp_path / "environment").mkdir()
    return tmp_path / "site"


def test_helm_is_unpacked_once_from_the_package_where_there_is_no_other(site: Path) -> None:
    assert program.find_command() is None
    install(site)
    found = program.find_command()
    assert found is not None
    assert subprocess.run([found], capture_output=True, check=True).stdout == b"v4\n"
    written = Path(found).stat().st_mtime_ns
    assert program.find_command() == found
    assert Path(found).stat().st_mtime_ns == written

    on_path = site.parent / "nothing" / "helm"
    on_path.parent.mkdir()
    on_path.write_bytes(SAYS)
    on_path.chmod(0o755)
    assert program.find_command() == str(on_path)


def test_a_package_that_holds_no_helm_is_passed_over(site: Path) -> None:
    install(site, layer="package/lib/other.zip")
    assert program.find_command() is None
