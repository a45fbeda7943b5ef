"""The lines of `known_hosts` that count here: those with a key and no mark, as libssh2 reads them.

libgit2's transport gets them as a file; a look, which has an SSH client of its own, gets the keys of one host. It
knows no host that libgit2 would not: no pattern matches, and a line that cannot be read is a reason not to look.
"""

import base64
import hashlib
import hmac

_PORT = 22
_HASHED = "|1|"


class Unreadable(ValueError):
    """A line that is none."""


def plain(known_hosts: str) -> str:
    """Keep the lines that libssh2 understands: it knows no `@cert-authority`, and a key under `@revoked` must go."""
    lines = [line.strip() for line in known_hosts.splitlines()]
    revoked = {line.split()[3] for line in lines if line.startswith("@revoked") and len(line.split()) > 3}
    kept = [line for line in lines if not line.startswith("@") and revoked.isdisjoint(line.split())]
    return "\n".join(kept) + "\n"


def keys(known_hosts: str, host: str, port: int | None) -> list[str]:
    """Return the keys of one host, each as its type and its base64. Raises Unreadable."""
    name = host if port in {None, _PORT} else f"[{host}]:{port}"
    found = []
    for line in plain(known_hosts).splitlines():
        if not line or line.startswith("#"):
            continue
        names, kind, key, *_ = *line.split(), "", ""
        if not _is_key(kind, key):
            raise Unreadable
        if _names(names, name):
            found.append(f"{kind} {key}")
    return found


def _is_key(kind: str, key: str) -> bool:
    """Tell whether the base64 is of a key that says of itself to be of this type."""
    blob = _decoded(key)
    return bool(kind) and blob[4:].startswith(kind.encode()) and int.from_bytes(blob[:4], "big") == len(kind)


def _names(names: str, name: str) -> bool:
    if not names.startswith(_HASHED):
        return "!" not in names and name.casefold() in names.casefold().split(",")
    salt, separator, digest = names.removeprefix(_HASHED).partition("|")
    if not separator:
        raise Unreadable
    found = hmac.new(_decoded(salt), name.encode(), hashlib.sha1).digest()
    return hmac.compare_digest(found, _decoded(digest))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Unreadable from None
