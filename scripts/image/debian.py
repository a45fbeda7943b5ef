"""The base of the image without Docker: Debian's packages, unpacked and not installed, as distroless images are made.

No package's scripts run, so no root file system of the other architecture has to be started, and nothing is in it that
only an installation needs: neither shell nor package manager. The packages are those of the machine's own release,
which its apt checks. What each file belongs to is in /var/lib/dpkg/status.d, where scanners look.
"""

import argparse
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

#: What the service is run by, and the programs that it starts.
ROOTS = ("python3", "git", "ca-certificates", "libstdc++6", "tzdata", "media-types", "netbase")
#: What is asked for by installing alone, or by commands of these packages that the service never calls.
LEFT_OUT = frozenset({
    "debconf", "debconf-2.0", "dpkg", "git-man", "install-info", "liberror-perl", "mailcap", "mime-support", "openssl",
    "perl", "perl-base", "readline-common", "sensible-utils",
})  # fmt: skip
#: Files that nobody reads here.
DROPPED = (
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/share/perl5",
)
UID = 65532


def closure(apt: list[str]) -> list[str]:
    """Return the packages: the roots and all that they depend on, but for what is left out."""
    asked = ["apt-cache", *apt, "depends", "--recurse", "--important", *ROOTS]
    needs = dict(blocks(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()))
    found: set[str] = set()
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        if name not in found and name not in LEFT_OUT and name in needs:
            found.add(name)
            waiting += needs[name]
    return sorted(found)


def blocks(lines: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Read apt-cache's answer: a name, and under it what it depends on; of alternatives the first."""
    name, needs, alternative = "", [], False
    for line in lines:
        if not line.startswith((" ", "<")):
            if name:
                yield name, needs
            name, needs, alternative = line.strip(), [], False
        elif found := re.match(r" ([ |])(?:Pre)?Depends: ([^<\s]\S*)", line):
            if not alternative:
                needs.append(found[2].partition(":")[0])
            alternative = found[1] == "|"
    if name:
        yield name, needs


def private(arch: str, folder: Path) -> list[str]:
    """Return apt's options for an architecture that is not the machine's, with lists of its own."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    return [
        f"-oAPT::Architecture={arch}", f"-oAPT::Architectures={arch}", f"-oDir::State::lists={folder / 'lists'}",
        f"-oDir::Cache={folder / 'cache'}", f"-oDir::State::status={folder / 'status'}", "-oAPT::Sandbox::User=root",
    ]  # fmt: skip


def fetch(names: list[str], apt: list[str], folder: Path) -> list[Path]:
    """Download the packages; apt checks them against the archive's signature."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "-qq", *apt, "-oAPT::Sandbox::User=root", "download", *names], cwd=folder, check=True)
    return sorted(folder.glob("*.deb"))


def copy_installed(name: str, root: Path) -> None:
    """Copy a package's files from this machine, where it is installed, and note what it is."""
    listed = subprocess.run(["dpkg-query", "--listfiles", name], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        source = Path(line)
        target = root / line[1:]
        is_folder = source.is_dir() and not source.is_symlink()
        if not line.startswith("/") or is_folder or not os.path.lexists(source) or os.path.lexists(target):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    note(name, subprocess.run(["dpkg-query", "--status", name], capture_output=True, check=True).stdout, root)


def unpack(package: Path, root: Path) -> None:
    """Unpack a package's files, and note what it is."""
    subprocess.run(["dpkg-deb", "--extract", str(package), str(root)], check=True)
    control = subprocess.run(["dpkg-deb", "--field", str(package)], capture_output=True, check=True).stdout
    note(package.name.partition("_")[0], control, root)


def note(name: str, control: bytes, root: Path) -> None:
    """Note a package where scanners look."""
    status = root / "var/lib/dpkg/status.d"
    status.mkdir(parents=True, exist_ok=True)
    (status / name).write_bytes(control)


def merge_usr(root: Path) -> None:
    """Make /bin, /lib and /sbin lead into /usr, before anything is unpacked, as Debian has them."""
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")


def set_up(root: Path) -> None:
    """Do what the packages' scripts would do, as far as it is needed: accounts, authorities, folders."""
    for name in DROPPED:
        shutil.rmtree(root / name, ignore_errors=True)
    for copyright_ in (root / "usr/share/doc").glob("*"):
        for extra in copyright_.glob("*"):
            if extra.name != "copyright":
                shutil.rmtree(extra) if extra.is_dir() and not extra.is_symlink() else extra.unlink()
    (root / "etc").mkdir(exist_ok=True)
    accounts = f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{UID}:{UID}:nonroot:/tmp:/sbin/nologin\n"
    (root / "etc/passwd").write_text(accounts)
    (root / "etc/group").write_text(f"root:x:0:\nnonroot:x:{UID}:\n")
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    authorities = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_bytes(b"".join(path.read_bytes() for path in authorities))
    openssl = root / "usr/lib/ssl"
    openssl.mkdir(exist_ok=True)
    (openssl / "certs").symlink_to("/etc/ssl/certs")
    (openssl / "cert.pem").symlink_to("/etc/ssl/certs/ca-certificates.crt")
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)


def make_of_installed(root: Path) -> None:
    """Make the root file system of what this machine has: without a network, and only for its own architecture."""
    merge_usr(root)
    for name in closure([]):
        copy_installed(name, root)
    set_up(root)


def make(root: Path, arch: str, work: Path) -> None:
    """Make the root file system in an empty folder."""
    native = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
    apt = [] if arch == native else private(arch, work / "apt")
    if apt:
        subprocess.run(["apt-get", "-qq", *apt, "update"], check=True)
    merge_usr(root)
    for package in fetch(closure(apt), apt, work / "packages"):
        unpack(package, root)
    set_up(root)


def main() -> None:
    """Make the base in a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--arch", default="amd64", choices=("amd64", "arm64"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--installed", action="store_true", help="copy what this machine has, instead of fetching")
    arguments = parser.parse_args()
    os.umask(0o022)
    if arguments.installed:
        make_of_installed(arguments.root)
    else:
        make(arguments.root, arguments.arch, arguments.work)


if __name__ == "__main__":
    main()
