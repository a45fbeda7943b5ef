"""The image without Docker: a base of Debian's packages, the program for any architecture, committed by buildah.

Nothing of the image is run while it is made, so that it is made for either architecture on either, without emulation.
What the image says of itself (user, environment, command) is the last part of the Containerfile, read from there.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

SOURCE = Path(__file__).parents[2]
HERE = Path(__file__).parent
#: As the Makefile has them: the machine's authorities are believed, and no interpreter is downloaded.
_UV = {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}


def version() -> str:
    """Return the version that the manifests ask for."""
    return f"v{tomllib.loads((SOURCE / 'pyproject.toml').read_text())['project']['version']}"


def last_part(containerfile: str) -> str:
    """Return the Containerfile's last stage, with the folders of the context in place of its other stages."""
    _, found, stage = containerfile.rpartition("\nFROM base\n")
    if not found or "COPY --from=program /opt/image-automation /opt/image-automation\n" not in stage:
        raise SystemExit("the Containerfile's last stage is not what this script knows")
    own = stage.replace("COPY --from=program /opt/image-automation", "COPY program")
    return f"FROM scratch\nCOPY root /\n{own}"


def python_of(root: Path) -> str:
    """Return the version of a root file system's Python, such as `3.11`."""
    return (root / "usr/bin/python3").readlink().name.removeprefix("python")


def build(work: Path, *, arch: str, tag: str, options: list[str]) -> None:
    """Make the image in buildah's store."""
    root, program = work / "root", work / "program"
    root.mkdir()
    run("debian.py", str(root), "--arch", arch, "--work", str(work / "base"))
    run("program.py", str(program), "--arch", arch, "--python", python_of(root), *options)
    shutil.rmtree(work / "base")
    (work / "Containerfile").write_text(last_part((SOURCE / "Containerfile").read_text()))
    subprocess.run(
        [
            "buildah", "bud", "--quiet", "--layers=false", "--format", "oci", "--arch", arch, "--tag", tag,
            "--label", f"org.opencontainers.image.version={version()}", "--file", str(work / "Containerfile"),
            str(work),
        ],
        check=True,
    )  # fmt: skip


def run(script: str, *arguments: str) -> None:
    """Run the script of one part."""
    subprocess.run([sys.executable, str(HERE / script), *arguments], check=True)


def main() -> None:
    """Make the image that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="amd64", choices=("amd64", "arm64"))
    parser.add_argument("--tag", default=f"localhost/image-automation:{version()}")
    parser.add_argument("--archive", type=Path, help="write the image into this file, as an OCI archive")
    parser.add_argument("--uv", default=os.environ.get("UV", "uv"), help="how uv is called")
    parser.add_argument("--helm", type=Path, help="a helm program of the architecture")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("run this as root, or within `buildah unshare`")
    for name, value in _UV.items():
        os.environ.setdefault(name, value)
    options = ["--uv", arguments.uv, *(["--helm", str(arguments.helm)] if arguments.helm else [])]
    with tempfile.TemporaryDirectory(prefix="image-") as work:
        build(Path(work), arch=arguments.arch, tag=arguments.tag, options=options)
    if arguments.archive:
        subprocess.run(["buildah", "push", "--quiet", arguments.tag, f"oci-archive:{arguments.archive}"], check=True)
    print(arguments.tag)


if __name__ == "__main__":
    main()
