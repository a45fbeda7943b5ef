"""Where a repository is at its forge: the server and the path, from the address that Git clones from."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from gotk.http.exchange import Unusable

_SCP = re.compile(r"(?:[\w.-]+@)?([\w.-]+):(?!//)(.+)")


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a repository is: `https://host` and the path without `.git`."""

    host: str
    path: str

    def split(self, parts: int = 2) -> tuple[str, ...]:
        """Return the parts of the path. Raises Unusable where there are not so many."""
        found = tuple(self.path.split("/"))
        if len(found) != parts or not all(found):
            raise Unusable(f'invalid repository id "{self.path}"')
        return found


def parse(address: str) -> Repository:
    """Read an https or ssh address of a repository. Raises Unusable."""
    if (scp := _SCP.fullmatch(address)) is not None:
        host, path = f"https://{scp[1]}", scp[2]
    else:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https", "ssh"} or not parts.hostname:
            raise Unusable("spec.address is not the http, https or ssh address of a Git repository")
        scheme = "https" if parts.scheme == "ssh" else parts.scheme
        port = f":{parts.port}" if parts.port and parts.scheme != "ssh" else ""
        host, path = f"{scheme}://{parts.hostname}{port}", parts.path
    return Repository(host, path.strip("/").removesuffix(".git"))
