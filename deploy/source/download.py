"""Downloading an artifact into a file, checked against its digest.

Answers to the fetcher of `fluxcd/pkg/http`: connection errors and 5xx are tried again, a 404 means that the source is
about to publish a newer one.
"""

import asyncio
from pathlib import Path

from yarl import URL

from deploy.source import unpack
from gotk import retry
from gotk.api.meta import Artifact
from gotk.http.egress import Reach
from gotk.http.errors import HTTPError, TooLarge
from gotk.http.transport import Request, Transport
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock

_LARGEST_ARCHIVE = 512 << 20
#: The longest pause between tries, in seconds: where another replica takes over, it serves after a few of them.
_LONGEST = 4.0
# An archive is itself compressed: its bytes are what the digest is of.
_HEADERS = {"Accept-Encoding": "identity"}


class ArtifactError(Exception):
    """The artifact could not be fetched, or is not what the source says it is."""


class ArtifactMissing(ArtifactError):
    """The artifact is not there: the source is about to publish a newer one."""


class _Unavailable(ArtifactError):
    """No answer, or one that says to come back."""


class Downloads:
    """Downloads artifacts. A server in trouble is asked again `retries` times, and one that says nothing for `each`."""

    def __init__(
        self, *, transport: Transport, clock: Clock, limiter: Limiter, retries: int, each: float | None
    ) -> None:
        """Take what it works with; `each` are the seconds that one answer may take, as long as all of them if None."""
        self._each = each
        self._backoff = retry.Backoff(tries=retries + 1, first=1.0, longest=_LONGEST)
        self._transport = transport
        self._clock = clock
        self._limiter = limiter

    async def fetch(self, artifact: Artifact, target: Path, *, timeout: float) -> None:
        """Download an artifact into a file, within so many seconds. Raises ArtifactError."""
        try:
            async with asyncio.timeout(timeout):
                await self._download(artifact.url, target)
            await self._limiter.run(unpack.verify, target, artifact.digest)
        except TimeoutError as error:
            raise ArtifactError(f"failed to download archive: no answer within {timeout:g}s") from error
        except unpack.ArchiveError as error:
            raise ArtifactError(str(error)) from error
        except OSError as error:
            raise ArtifactError(f"failed to keep archive: {error.strerror}") from error

    async def _download(self, url: str, packed: Path) -> None:
        def pause(error: Exception, due: float) -> float | None:
            return due if isinstance(error, _Unavailable) else None

        await retry.run(lambda: self._get(url, packed), self._backoff, sleep=self._clock.sleep, pause=pause)

    async def _get(self, url: str, packed: Path) -> None:
        failed = f"failed to download archive from {url}"
        try:
            request = Request(
                method="GET",
                url=URL(url, encoded=True),
                headers=_HEADERS,
                limit=_LARGEST_ARCHIVE,
                follow=False,
                most=Reach.LOOPBACK,
            )
            with packed.open("wb") as file:
                async with asyncio.timeout(self._each):
                    answer = await self._transport.send(request, sink=file.write)
        except TimeoutError as error:
            raise _Unavailable(f"{failed}: no answer within {self._each:g}s") from error
        except TooLarge as error:
            raise ArtifactError(f"failed to download archive: larger than {_LARGEST_ARCHIVE} bytes") from error
        except (HTTPError, ValueError) as error:
            kind = _Unavailable if isinstance(error, HTTPError) and error.temporary else ArtifactError
            raise kind(f"{failed}: {error}") from error
        if answer.status == 404:
            raise ArtifactMissing("artifact not found")
        if answer.status != 200:
            kind = _Unavailable if answer.status >= 500 else ArtifactError
            raise kind(f"{failed} (status: {answer.status})")
