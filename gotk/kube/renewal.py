"""What requests prove themselves with, while it is renewed: certificates, keys, tokens and authorities in files.

Answers to client-go's reloading of certificates and token files: a kubelet, cert-manager or a login tool replaces files
while we run, and what we read once ends. Files are read every minute, and at once after a refusal. What cannot be used,
such as a certificate that is there before its key, is left for the next look: until then the old one holds.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gotk.kube import credentials
from gotk.kube.credentials import Certificate, ConfigError

#: For how many seconds files count as unchanged.
_FRESH = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The Authorization header, our certificate with its key, and whom the server's certificate must come from."""

    authorization: str | None = field(default=None, repr=False)
    authority: bytes | None = None
    certificate: tuple[bytes, bytes] | None = field(default=None, repr=False)

    def context(self, *, insecure: bool) -> ssl.SSLContext:
        """Return what connections are opened with. Raises ConfigError."""
        try:
            context = ssl.create_default_context(
                cadata=self.authority.decode("ascii", "ignore") if self.authority is not None else None
            )
            if insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.certificate is not None:
                credentials.load_certificate(context, *self.certificate)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot load certificates: {error}") from error
        return context


class Source(Protocol):
    """Where proofs come from."""

    async def __call__(self, *, refused: bool) -> Proof:
        """Return what holds now, and after a refusal nothing that is only remembered. Raises ConfigError."""
        ...


class Files:
    """What stands in files, or was given as it is: a Source."""

    def __init__(
        self,
        *,
        authorization: str | None = None,
        token: Path | None = None,
        authority: Path | bytes | None = None,
        certificate: Certificate | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authorization = authorization
        self._token = token
        self._authority = authority
        self._certificate = certificate
        self._monotonic = monotonic
        self._read_at = float("-inf")
        self._proof = Proof()

    async def __call__(self, *, refused: bool) -> Proof:
        """Return what the files hold, or held within the last minute."""
        now = self._monotonic()
        if refused or now - self._read_at >= _FRESH:
            self._read_at = now  # also where that fails: a file that is gone is not looked for with every request
            self._proof = self._read()
        return self._proof

    def _read(self) -> Proof:
        header = self._authorization
        if self._token is not None:
            header = f"Bearer {_token(self._token)}"
        pair = self._certificate
        return Proof(
            authorization=header,
            authority=content(self._authority) if self._authority is not None else None,
            certificate=(content(pair[0]), content(pair[1])) if pair is not None else None,
        )


class Unproven:
    """Whom a server's certificate must come from, as another source has it, and nothing that proves who we are."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def __call__(self, *, refused: bool) -> Proof:
        """Return what holds now; a refusal is not ours to mend."""
        del refused
        return Proof(authority=(await self._source(refused=False)).authority)


class Renewal:
    """The proof that holds, looked for anew before each request and after each refusal."""

    def __init__(self, source: Source, *, secure: bool, insecure: bool = False) -> None:
        """Make one that `open` fills. `secure` is whether there is TLS at all, `insecure` that everybody is trusted."""
        self._source = source
        self._secure = secure
        self._insecure = insecure
        self._proof = Proof()
        self._useless: Proof | None = None
        self._lock = asyncio.Lock()
        #: How often something new was found.
        self.generation = 0
        #: What connections are opened with now; another one once certificates were renewed.
        self.context: ssl.SSLContext | None = None

    async def open(self) -> "Renewal":
        """Read everything for the first time. Raises ConfigError."""
        self._take(await self._source(refused=False))
        return self

    def unproven(self) -> "Renewal":
        """Return one, not open yet, for requests that prove something else than we do."""
        return Renewal(Unproven(self._source), secure=self._secure, insecure=self._insecure)

    @property
    def shows_certificate(self) -> bool:
        """Whether a certificate of ours is part of what we prove with."""
        return self._proof.certificate is not None

    async def authorization(self) -> str | None:
        """Return the Authorization header's value."""
        return self._proof.authorization

    async def look(self, *, refused: int | None = None) -> None:
        """Take over what was renewed; `refused` is the generation that a server refused. What fails is logged."""
        async with self._lock:
            if refused is not None and refused != self.generation:
                return
            try:
                proof = await self._source(refused=refused is not None)
                if proof not in (self._proof, self._useless):
                    self._useless = proof
                    self._take(proof)
                    self._useless = None
                    _log().info("credentials for the Kubernetes API were renewed")
            except ConfigError as error:
                _log().warning("cannot renew credentials, using those at hand", error=str(error))

    def _take(self, proof: Proof) -> None:
        old = self._proof
        if self._secure and (
            self.context is None or (proof.authority, proof.certificate) != (old.authority, old.certificate)
        ):
            self.context = proof.context(insecure=self._insecure)
        self._proof = proof
        self.generation += 1


def _token(file: Path) -> str:
    try:
        return content(file).decode("ascii").strip()
    except UnicodeDecodeError:
        raise ConfigError(f"the file {file} holds no token: it is not ASCII") from None


def content(value: Path | bytes) -> bytes:
    """Return what was given, or stands in a file. Raises ConfigError."""
    if isinstance(value, bytes):
        return value
    try:
        return value.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the file {value}: {error.strerror}") from error


def _log() -> Any:
    import structlog  # noqa: PLC0415 - a third of the start of a command, which logs nothing

    return structlog.get_logger()
