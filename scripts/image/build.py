"""The image without Docker: a base of Debian's packages, the program for any architecture, committed by buildah.

Nothing of the image is run while it is made, so that it is made for either architecture on either, without emulation.
What the image says of itself (user, environment, command) is the last part of the Containerfile, read from there.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

SOURCE = Path(__file__).parents[2]
HERE = Path(__file__).parent
PLACE = "opt/image-automation"
#: As the Makefile has them: the machine's authorities are believed, and no interpreter is downloaded.
_UV = {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}


def version() -> str:
    """Return the version that the manifests ask for."""
    return f"v{tomllib.loads((SOURCE / 'pyproject.toml').read_text())['project']['version']}"


def settings(containerfile: str) -> list[str]:
    """Return what the Containerfile's last stage says of the image, as `buildah config` takes it."""
    _, _, stage = containerfile.rpartition("\nFROM base\n")
    instructions = [line for line in stage.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    if not instructions or instructions.pop(0) != "COPY --from=program /opt/image-automation /opt/image-automation":
        raise SystemExit("the Containerfile's last stage is not what this script knows")
    return [option for line in instructions for option in _setting(*line.split(None, 1))]


def _setting(word: str, value: str) -> list[str]:
    if word in {"ENV", "LABEL"}:
        return [f"--{word.lower()}={each}" for each in shlex.split(value)]
    if word == "ENTRYPOINT":
        return [f"--entrypoint={value}"]
    if word == "CMD":
        return [f"--cmd={shlex.join(json.loads(value))}"]
    if word in {"USER", "WORKDIR"}:
        return [f"--{'user' if word == 'USER' else 'workingdir'}={value}"]
    raise SystemExit(f"the Containerfile's last stage has {word}, which this script does not know")


def python_of(root: Path) -> str:
    """Return the version of a root file system's Python, such as `3.11`."""
    return (root / "usr/bin/python3").readlink().name.removeprefix("python")


def build(work: Path, *, arch: str, tag: str, base: list[str], options: list[str]) -> None:
    """Make the image in buildah's store, right in a container's files."""
    container = said("buildah", "from", "--arch", arch, "scratch")
    try:
        root = Path(said("buildah", "mount", container))
        run("debian.py", str(root), "--arch", arch, "--work", str(work), *base)
        program = root / PLACE
        run("program.py", str(program), "--arch", arch, "--python", python_of(root), *options)
        told = settings((SOURCE / "Containerfile").read_text())
        said(
            "buildah",
            "config",
            "--arch",
            arch,
            f"--label=org.opencontainers.image.version={version()}",
            *told,
            container,
        )
        said("buildah", "commit", "--quiet", "--format", "oci", container, tag)
    finally:
        said("buildah", "rm", container)


def said(*command: str) -> str:
    """Run a command and return what it says."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


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
    parser.add_argument(
        "--installed", action="store_true", help="take Debian's files from this machine, not the archive"
    )
    parser.add_argument("--helm", type=Path, help="a helm program of the architecture")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("run this as root, or within `buildah unshare`")
    for name, value in _UV.items():
        os.environ.setdefault(name, value)
    options = ["--uv", arguments.uv, *(["--helm", str(arguments.helm)] if arguments.helm else [])]
    base = ["--installed"] if arguments.installed else []
    with tempfile.TemporaryDirectory(prefix="image-") as work:
        build(Path(work), arch=arguments.arch, tag=arguments.tag, base=base, options=options)
    if arguments.archive:
        subprocess.run(["buildah", "push", "--quiet", arguments.tag, f"oci-archive:{arguments.archive}"], check=True)
    print(arguments.tag)


if __name__ == "__main__":
    main()
