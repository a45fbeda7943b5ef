"""`kustomize build`: the real program, over the source as it is with one file laid over it.

Answers to Flux's build options (no load restrictor, built-in plugins only) with one difference, which is the point of
`references`: nothing is ever fetched. The program runs in a directory of its own with neither home, network proxy nor
a search path, and is killed with its children when its time is up. The unpacked source is never written to, so one
copy serves any number of builds at once.
"""

import asyncio
import contextlib
import hashlib
import os
import posixpath
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from deploy.kustomize.building import generator, references
from gotk.api import scheme
from gotk.api.kustomize import KustomizationSpec
from gotk.bounded import Bounded
from gotk.runtime.blocking import Limiter

_LARGEST_OUTPUT = 128 << 20
_LARGEST_ERROR = 64 << 10
_BUILT_FIELDS = (
    "path",
    "targetNamespace",
    "namePrefix",
    "nameSuffix",
    "components",
    "ignoreMissingComponents",
    "patches",
    "images",
    "buildMetadata",
)


class BuildError(ValueError):
    """The source does not build. The message is for people and names no place outside of the source."""


class PathMissing(BuildError):
    """`spec.path` is not in the source."""


def find_command() -> tuple[str, ...]:
    """Return how kustomize is called: itself where it is installed, else kubectl, which holds it."""
    if kustomize := shutil.which("kustomize"):
        return (kustomize, "build")
    beside = Path(sys.executable).parent / "kubectl"
    kubectl = str(beside) if beside.is_file() else shutil.which("kubectl")
    if kubectl is None:
        raise FileNotFoundError("neither kustomize nor kubectl is on the path: install one of them")
    return (kubectl, "kustomize")


def locate(root: Path, path: str) -> str:
    """Return the directory of the artifact that `spec.path` means; `..` never leaves it. Raises PathMissing."""
    directory = posixpath.normpath("/" + path).lstrip("/") or "."
    if not (root / directory).is_dir():
        raise PathMissing(f"kustomization path not found: stat {directory}: no such directory in the source")
    return directory


def key(digest: str, spec: KustomizationSpec) -> str:
    """Return what a build's output depends on: the artifact's digest and the fields of the spec that shape it."""
    plain = scheme.to_builtins(spec)
    shaping = msgspec.json.encode([digest, {name: plain.get(name) for name in _BUILT_FIELDS}])
    return hashlib.blake2b(shaping, digest_size=20).hexdigest()


class Outputs:
    """The outputs of builds, kept up to so many bytes, the least used going first."""

    def __init__(self, *, capacity: int = 64 << 20) -> None:
        self._kept: Bounded[str, str] = Bounded(capacity, weigh=len)

    def get(self, name: str) -> str | None:
        """Return a build's output, or None where it is not kept."""
        return self._kept.get(name)

    def put(self, name: str, output: str) -> None:
        """Keep a build's output."""
        self._kept.put(name, output)


class Builder:
    """Runs builds, at most `width` at a time."""

    def __init__(self, *, command: Sequence[str], limiter: Limiter, scratch: Path, width: int = 2) -> None:
        self._command = tuple(command)
        self._limiter = limiter
        self._scratch = scratch
        self._slots = asyncio.Semaphore(width)

    async def build(self, root: Path, directory: str, spec: KustomizationSpec, *, timeout: float) -> str:
        """Build a directory of the artifact and return the YAML. Raises BuildError."""
        async with self._slots:
            work = Path(tempfile.mkdtemp(prefix="build-", dir=self._scratch))
            try:
                target = await self._limiter.run(_lay_out, work, root, directory, spec)
                return await self._run(work, root, target, timeout)
            except generator.GeneratorError as error:
                raise BuildError(str(error)) from error
            except references.ForbiddenReference as error:
                raise BuildError(f"kustomize build failed: {error}") from error
            except OSError as error:
                raise BuildError(f"kustomize build failed: {error.strerror}") from error
            finally:
                await self._limiter.run(shutil.rmtree, work, ignore_errors=True)

    async def _run(self, work: Path, root: Path, target: Path, timeout: float) -> str:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            str(target),
            "--load-restrictor=LoadRestrictionsNone",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=work,
            env=_environment(work),
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(timeout):
                output, errors = await _communicate(process)
        except TimeoutError:
            raise BuildError(f"kustomize build failed: no result within {timeout:g}s") from None
        finally:
            await _kill(process)
        if process.returncode:
            raise BuildError(f"kustomize build failed: {_clean(errors, work, root)}")
        return output.decode()


def _lay_out(work: Path, root: Path, directory: str, spec: KustomizationSpec) -> Path:
    """Make a tree that looks like the source, but for the kustomization file; return the directory to build.

    The directories on the way to the target are real and hold links to everything beside it, so relative paths lead
    where they would lead in the source.
    """
    generated = generator.generate(root, directory, spec)
    references.check(root, directory, dict(generated.content))
    (work / "home").mkdir()
    source, shadow = root, work / "source"
    shadow.mkdir()
    for part in [part for part in directory.split("/") if part != "."]:
        _link_all(source, shadow, without=part)
        source, shadow = source / part, shadow / part
        shadow.mkdir()
    _link_all(source, shadow, without=generated.file_name)
    (shadow / generated.file_name).write_bytes(msgspec.json.encode(generated.content))
    return shadow


def _link_all(source: Path, shadow: Path, *, without: str) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.name != without:
                (shadow / entry.name).symlink_to(entry.path)


def _environment(work: Path) -> dict[str, str]:
    """Return an environment that leads nowhere: kustomize reads variables into generated objects."""
    nowhere = "http://127.0.0.1:9"
    home = str(work / "home")
    return {
        "HOME": home,
        "TMPDIR": home,
        "PATH": home,
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "LC_ALL": "C.UTF-8",
    }


async def _communicate(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.TaskGroup() as group:
        output = group.create_task(_read(process.stdout, _LARGEST_OUTPUT))
        errors = group.create_task(_read(process.stderr, _LARGEST_ERROR, drain=True))
    if len(output.result()) > _LARGEST_OUTPUT:
        raise BuildError(f"kustomize build failed: more than {_LARGEST_OUTPUT} bytes of output")
    await process.wait()
    return output.result(), errors.result()


async def _read(stream: asyncio.StreamReader, limit: int, *, drain: bool = False) -> bytes:
    """Read to the end, or until just over the limit; draining goes on to the end without keeping more."""
    body = bytearray()
    while (drain or len(body) <= limit) and (chunk := await stream.read(1 << 16)):
        if len(body) <= limit:
            body += chunk
    return bytes(body)


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End the program and everything it started, however its run ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _clean(errors: bytes, work: Path, root: Path) -> str:
    """Return the program's complaint with the paths of this machine taken out."""
    text = errors.decode("utf-8", "replace").strip().removeprefix("Error: ").removeprefix("error: ")
    for place in (str(work / "source"), str(root.resolve()), str(root)):
        text = text.replace(f"{place}/", "").replace(place, ".")
    return text[:8192] or "no message"
