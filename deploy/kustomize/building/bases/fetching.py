"""Remote bases are fetched by this process: repositories into mirrors, files with the guarded HTTP client.

Without credentials of ours, from hosts that the operator names, over https, and over SSH where the operator gives what
a server is known by (`ssh`), bounded in time and size. Answers to what kustomize does by cloning with git, submodules
included; what a repository holds is read out of its objects, and nothing is checked out.
"""

import asyncio
import posixpath

from yarl import URL

from deploy.kustomize.building.bases import ssh
from deploy.kustomize.building.bases.clone import Clone
from deploy.kustomize.building.bases.commit import LARGEST_FILE
from deploy.kustomize.building.bases.remote import FetchError, OneFile, Remote
from deploy.kustomize.building.source import Source
from gotk.git import url as urls
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirrors
from gotk.http.egress import Reach
from gotk.http.errors import HTTPError
from gotk.http.tls import TLS
from gotk.http.transport import Request, Transport
from gotk.runtime.blocking import Limiter

_FLAG = "--remote-bases"


class NoRemoteBases:
    """Fetches nothing."""

    def refusal(self, remote: Remote) -> str:
        """Return why a base is not fetched: always."""
        return f"is remote and is not fetched: keep a copy in the source, or allow {remote.host} with {_FLAG}"

    async def fetch(self, remote: Remote, *, timeout: float) -> Source:  # noqa: ARG002 - the port's
        """Refuse."""
        raise FetchError(f"{remote} {self.refusal(remote)}")


class RemoteBases:
    """Fetches from some hosts. `tls` says whom they are taken for over https, and `keys` over SSH."""

    def __init__(
        self,
        *,
        hosts: frozenset[str],
        mirrors: Mirrors,
        transport: Transport,
        limiter: Limiter,
        tls: TLS,
        keys: ssh.Keys,
    ) -> None:
        self._hosts = hosts
        self._mirrors = mirrors
        self._transport = transport
        self._limiter = limiter
        self._tls = tls
        self._keys = keys

    def refusal(self, remote: Remote) -> str:
        """Return why a base is not fetched, empty where it may be."""
        unknown = remote.over_ssh and self._keys.known_hosts is None
        known = f", and give its host key with {ssh.KNOWN_HOSTS}" if unknown else ""
        if remote.host not in self._hosts:
            cause = f"is remote and not of a host that {_FLAG} allows: keep a copy in the source"
            return f"{cause}, or add {remote.host} there{known}"
        return f"is remote and over SSH: keep a copy in the source, use its https address{known}" if unknown else ""

    async def fetch(self, remote: Remote, *, timeout: float) -> Source:
        """Return the files of a repository, or the one file. Raises FetchError."""
        if refused := self.refusal(remote):
            raise FetchError(f"'{remote}' {refused}")
        timeout = min(timeout, remote.timeout or timeout)
        if not remote.repository:
            return await self._file(remote, timeout)
        clone = Clone(self._mirrors, allows=self, credentials=self._credentials, timeout=timeout)
        return await self._limiter.run(clone.made, remote)

    def _credentials(self, remote: Remote) -> Credentials:
        """Return whom we take a server for, and over SSH the key that is given for bases. Raises FetchError."""
        if not remote.over_ssh:
            return Credentials(ca=self._tls.ca.decode())
        return self._keys.credentials(urls.parse(remote.url).user)

    async def _file(self, remote: Remote, timeout: float) -> Source:
        request = Request(
            method="GET", url=URL(remote.url), headers={}, limit=LARGEST_FILE, most=Reach.LOOPBACK,
        )  # fmt: skip
        try:
            async with asyncio.timeout(timeout):
                answer = await self._transport.send(request, tls=self._tls)
        except TimeoutError:
            raise FetchError(f"failed to fetch remote base '{remote}': no answer within {timeout:g}s") from None
        except HTTPError as error:
            raise FetchError(f"failed to fetch remote base '{remote}': {error}") from error
        if answer.status != 200:
            raise FetchError(f"failed to fetch remote base '{remote}': status {answer.status}")
        return OneFile(posixpath.basename(remote.target), answer.body)
