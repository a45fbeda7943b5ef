"""Which files a kustomization may name: those of the source, and nothing else.

kustomize runs without its own load restrictor, as Flux runs it, so that files beside the kustomization's directory can
be used. Hence every name is looked at before the program starts: no absolute path, none that leaves the source, no URL
and no Git address; what of these the operator allows was fetched before (`remote`). What a name means must be there
already. It is handed on in a spelling that means a path in every reading that kustomize tries: as a URL, as a Git
address, as YAML.
"""

import posixpath
import re
from dataclasses import dataclass

from deploy.kustomize.building.bases import remote
from deploy.kustomize.building.shapes import Role

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_LONGEST = 4096
_REMOTE = re.compile(r"^\s*(git::|[a-z][a-z0-9+.-]*://|https?:|[a-z][a-z0-9-]*@|github\.com[:/])", re.IGNORECASE)
_USERINFO = re.compile(r"//[^/@\s]*@")
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# A name that is a path to every reader: nothing in it separates a host, a scheme, a key or a document.
_UNMISTAKABLE = re.compile(r"[\w./][\w./ +,~()=-]*")


class ForbiddenReference(ValueError):
    """A kustomization names what it must not. The message says which file, which field and what to do."""


@dataclass(slots=True)
class Reference:
    """A name of a file or directory of the source, from where it is followed and how it is spelled for kustomize."""

    role: Role
    target: str
    base: str
    spelling: str
    key: str = ""

    def move(self, path: str) -> None:
        """Spell the name of another file in the same base, under the key that the first would have."""
        if self.role is Role.KEYED and not self.key:
            self.key = posixpath.basename(self.target)
        self.spelling = f"./{posixpath.basename(path)}"

    def text(self) -> str:
        """Return what stands in the configuration that kustomize gets."""
        return f"{self.key}={self.spelling}" if self.key else self.spelling


def is_inline(entry: str) -> bool:
    """Tell whether an entry holds objects rather than names a file: it takes a line break or a brace to hold one."""
    return bool(_BREAKS.search(entry)) or "{" in entry


def is_remote(entry: str) -> bool:
    """Tell whether an entry could be read as an address."""
    return bool(_REMOTE.match(entry))


def shown(entry: str) -> str:
    """Return an address for a message: without a password, and not too long."""
    return _USERINFO.sub("//", entry.strip())[:200]


def mounted(role: Role, base: str, target: str) -> Reference:
    """Name a file or directory that lies elsewhere among the source's files."""
    return Reference(role, target, base, f"./{posixpath.relpath(target, base)}")


def local(where: str, role: Role, base: str, entry: str) -> Reference:
    """Read an entry as a name that is followed from a directory of the source. Raises ForbiddenReference."""
    key, entry = _keyed(where, entry) if role is Role.KEYED else ("", entry)
    told = shown(entry)
    if is_remote(entry):
        raise ForbiddenReference(f"{where}: '{told}' is remote, which only resources and components may be")
    target = posixpath.normpath(posixpath.join(base, entry))
    if posixpath.isabs(entry) or target == ".." or target.startswith("../") or _leaves(base, target):
        raise ForbiddenReference(f"{where}: '{told}' is outside of the source")
    if not entry or len(entry) > _LONGEST or _BREAKS.search(entry):
        raise ForbiddenReference(f"{where}: {told!r} is no name of a file")
    return Reference(role, target, base, entry if _UNMISTAKABLE.fullmatch(entry) else f"./{entry}", key)


def _leaves(base: str, target: str) -> bool:
    """Tell whether a name leads from the source or a remote base into another tree; the source is above the others."""
    return remote.tree_of(base) != remote.tree_of(target) or target == remote.FOLDER


def _keyed(where: str, entry: str) -> tuple[str, str]:
    """Split `key=path`; a path alone gives the key by its last part, which kustomize works out itself."""
    key, mark, path = entry.partition("=")
    if not mark:
        return "", entry
    if not key or not path or "=" in path:
        raise ForbiddenReference(f"{where}: '{entry[:200]}' is neither a path nor key=path")
    return key, path
