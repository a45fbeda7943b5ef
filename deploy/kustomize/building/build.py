"""`kustomize build`: the real program, over a tree that holds what was planned of the source and nothing else.

A folder whose outcome is certain needs no program (`plain`). Answers to Flux's build options (no load restrictor,
built-in plugins only) with one difference, which is the point of `plan`: the program fetches nothing, and nothing
outside of the source is ever read. The program runs in a directory of its own with neither home, network proxy nor a
search path, and is killed with its children when its time is up. Whatever it was made to do, the operating system gives
it that directory and no other file, no network and so much memory. The unpacked source is never written to, so one copy
serves any number of builds at once.

Since the program sees the tree and nothing else, its output is kept by what the tree holds: a commit that touches
nothing of a tree starts no program.
"""

import asyncio
import dataclasses
import hashlib
import math
import operator
import posixpath
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from deploy.cluster import redaction
from deploy.kustomize.building import asked, canonical, generator, plain, plan, references, source, tree
from deploy.kustomize.building.asked import Answered, Asked
from deploy.kustomize.building.bases import remote
from deploy.kustomize.building.bases.remote import Allows, FetchError, Fetches
from deploy.kustomize.building.memory import Memory, make_folder
from deploy.kustomize.decryption.decryptor import Decryptor, NotDecrypted, Texts
from gotk.api.kustomize import KustomizationSpec
from gotk.bounded import Bounded
from gotk.runtime.blocking import Limiter
from gotk.sandbox import program
from gotk.sandbox.confinement import Confinement
from gotk.sandbox.ending import limit_reached

_LARGEST_OUTPUT = 128 << 20
_LONGEST_COMPLAINT = 8192
_MEMORY = 512 << 20
_MOST_ROUNDS, _MOST_REMOTES = 6, 50
_PROCESSORS = 2
_PATH = 100  # what a path takes in memory
_PANIC = re.compile("^(?:panic: |fatal error: |(?=SIG[A-Z]+: ))(.*)", re.MULTILINE)
#: What kustomize quotes of a kustomization may be a value of a Secret: literals without a key, and inline patches.
_LITERALS = re.compile(r"literal sources \[.*?\]: invalid literal source .*?, expected key=value", re.DOTALL)
_INLINE = re.compile(r"(with config: (?=`)|patch from (?=\[))(?:`.*?\n`|\[.*\])", re.DOTALL)
_TRACE = re.compile(r"^(?:goroutine \d+|runtime stack:)", re.MULTILINE)
_shaping = operator.attrgetter(
    "path",
    "target_namespace",
    "name_prefix",
    "name_suffix",
    "components",
    "ignore_missing_components",
    "patches",
    "images",
    "build_metadata",
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
    if source.Directory(root).kind(directory) != "directory":
        raise PathMissing(f"kustomization path not found: stat {directory}: no such directory in the source")
    return directory


def key(source_key: tuple[str, str, str], spec: KustomizationSpec, keys: str) -> str:
    """Return what a build's output depends on besides contents: source, what of the spec shapes it, decryption keys."""
    text = msgspec.json.encode([source_key, keys, _shaping(spec)])
    return hashlib.blake2b(text, digest_size=20).hexdigest()


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


@dataclass(frozen=True, slots=True)
class Built:
    """What kustomize printed, decrypted where that was asked for, and what no message may show of it.

    It is not `lasting` where remote bases are in it: what their names mean may change. `asked` is what it asked of the
    source, where that is all it depends on besides spec and `keys`, and `answered` that
    with what the source holds.
    """

    text: str = field(repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)
    lasting: bool = True
    asked: Asked | None = None
    answered: Answered | None = None
    keys: str = ""

    def size(self) -> int:
        """Return how much memory it takes, roughly."""
        return len(self.text) + sum(map(len, self.hidden)) + _PATH * len(self.asked or ())


class Builder:
    """Runs builds, at most `width` at a time, each program as `confine` starts it under a Confinement.

    Resources come in kustomize's order, or `as_listed`, where a kustomization does not say how.
    """

    def __init__(
        self,
        *,
        command: Sequence[str],
        limiter: Limiter,
        scratch: Path,
        confine: Callable[[Confinement, Sequence[str]], Sequence[str]],
        fetches: Fetches,
        width: int = 2,
        as_listed: bool = False,
    ) -> None:
        self._fetches = fetches
        self._as_listed = as_listed
        self._command = tuple(command)
        self._limiter = limiter
        self._scratch = scratch.resolve()  # kustomize resolves it, too, and names it in its messages
        self._memory = Memory(self._scratch)
        self._printed = Outputs()
        self._slots = asyncio.Semaphore(width)
        self._confine = confine

    async def build(
        self,
        root: Path,
        directory: str,
        spec: KustomizationSpec,
        *,
        timeout: float,
        decryptor: Decryptor | None = None,
        excludes: source.Excludes = source.nothing,
    ) -> Built:
        """Build a directory of the artifact, but for what is excluded, and return the YAML. Raises BuildError."""
        notes = asked.Notes()
        unpacked = asked.Observed(source.Directory(root, excludes=excludes), notes)
        small = asked.Observed(source.Directory(root, most=plain.MOST_BYTES, excludes=excludes), notes)
        try:
            text = await self._limiter.run(plain.printed, small, directory, spec, as_listed=self._as_listed)
            if text is not None:
                built = Built(text)
            else:
                built = await self._by_kustomize(
                    unpacked, root, directory, spec, timeout=timeout, decryptor=decryptor, excludes=excludes
                )
            if decryptor is not None:
                text, found = await decryptor.resources(built.text, timeout=timeout)
                built = Built(text, (*built.hidden, *found), lasting=built.lasting)
            return dataclasses.replace(built, asked=notes.asked()) if built.lasting else built
        except (generator.GeneratorError, FetchError, NotDecrypted) as error:
            raise BuildError(str(error)) from error
        except (references.ForbiddenReference, canonical.Unreadable, source.TooLarge) as error:
            raise BuildError(f"kustomize build failed: {error}") from error
        except OSError as error:
            raise BuildError(f"kustomize build failed: {error.strerror}") from error

    async def _by_kustomize(
        self,
        unpacked: source.Source,
        root: Path,
        directory: str,
        spec: KustomizationSpec,
        *,
        timeout: float,
        decryptor: Decryptor | None,
        excludes: source.Excludes,
    ) -> Built:
        """Build with the real program, over what it may see: the source, decrypted files, remote bases."""
        planned, whole = await self._planned(unpacked, directory, spec, timeout)
        opened = Texts()
        if decryptor is not None:
            opened = await decryptor.files(unpacked, planned.decryptable, timeout=timeout)
        async with self._slots:
            fetched = await self._limiter.run(_fetched, planned, whole, excludes)
            name = await self._limiter.run(_seen, planned, root, directory, {**fetched, **opened.by_name})
            text = self._printed.get(name)
            if text is None:
                text = await self._print(planned, root, directory, opened, fetched=fetched, timeout=timeout)
                if not opened.by_name:  # what was decrypted is not kept beyond its Kustomization
                    self._printed.put(name, text)
        return Built(text, opened.hidden, lasting=whole is unpacked)

    async def _planned(
        self, unpacked: source.Source, directory: str, spec: KustomizationSpec, timeout: float
    ) -> tuple[plan.Plan, source.Source]:
        """Plan what kustomize may see, once every remote base is here that something names."""
        mounts: dict[str, source.Source] = {}
        whole = unpacked
        for _ in range(_MOST_ROUNDS):
            planned = await self._limiter.run(_plan, whole, directory, spec, self._fetches, as_listed=self._as_listed)
            if not planned.missing:
                return planned, whole
            if unpacked.kind(remote.FOLDER) != "none":
                raise FetchError(f"the source has a '{remote.FOLDER}', where remote bases are to lie: rename it")
            if len(mounts) + len(planned.missing) > _MOST_REMOTES:
                break
            for each in sorted(planned.missing, key=str):
                mounts[each.place] = await self._fetches.fetch(each, timeout=timeout)
            whole = remote.Mounted(unpacked, mounts)
        raise FetchError(f"remote bases lead to more than {_MOST_REMOTES} others, or {_MOST_ROUNDS} times to new ones")

    async def _print(
        self,
        planned: plan.Plan,
        root: Path,
        directory: str,
        opened: Texts,
        *,
        fetched: Mapping[str, bytes],
        timeout: float,
    ) -> str:
        """Run kustomize over a tree that is gone afterwards; in memory, where something in it was decrypted."""
        for path, text in opened.by_name.items():
            canonical.check_aliases(text, named=path)
        fits = bool(opened.by_name) and await self._limiter.run(_fits, planned, root, self._memory)
        work = (self._memory.make() if fits else None) or make_folder(self._scratch)
        try:
            await self._limiter.run(_lay_out, work, planned, root, {**fetched, **opened.by_name})
            return await self._run(work, work / "source" / directory, timeout)
        except BuildError as error:
            if not opened.hidden:
                raise
            raise BuildError(redaction.Redactor(opened.hidden).hide(str(error))) from None
        finally:
            await self._limiter.run(shutil.rmtree, work, ignore_errors=True)
            self._memory.leave()

    async def _run(self, work: Path, target: Path, timeout: float) -> str:
        confinement = _confinement(work, timeout)
        command = (*self._command, str(target), "--load-restrictor=LoadRestrictionsNone")
        try:
            ended = await program.run(
                self._confine(confinement, command),
                cwd=work,
                env=_environment(work),
                timeout=timeout,
                largest_output=_LARGEST_OUTPUT,
            )
        except TimeoutError:
            raise BuildError(f"kustomize build failed: no result within {timeout:g}s") from None
        except program.TooMuchOutput:
            raise BuildError(f"kustomize build failed: more than {_LARGEST_OUTPUT} bytes of output") from None
        if ended.status:
            limit = limit_reached(confinement, ended.status, ended.errors)
            raise BuildError(f"kustomize build failed: {limit or _complaint(ended.errors, work)}")
        return ended.output.decode()


def _plan(
    unpacked: source.Source, directory: str, spec: KustomizationSpec, allows: Allows, *, as_listed: bool
) -> plan.Plan:
    """Plan what kustomize may see of the source."""
    generated = generator.generate(unpacked, directory, spec)
    if as_listed:
        generated.content.setdefault("sortOptions", {"order": "fifo"})
    return plan.make(unpacked, directory, generated.file_name, generated.content, allows=allows)


def _fetched(planned: plan.Plan, whole: source.Source, excludes: source.Excludes) -> dict[str, bytes]:
    """Return the files of a plan that are not to be read from the source's folder: of remote bases, and excluded ones.

    Raises source.TooLarge.
    """
    elsewhere = (origin for origin in planned.files.values() if remote.tree_of(origin) or excludes(origin))
    return {origin: whole.read(origin) for origin in elsewhere}


def _seen(planned: plan.Plan, root: Path, directory: str, contents: Mapping[str, bytes]) -> str:
    """Name all that the program sees, and so what it prints."""
    return f"{tree.digest(planned, root, contents)} {directory}"


def _lay_out(work: Path, planned: plan.Plan, root: Path, contents: Mapping[str, bytes]) -> None:
    (work / "home").mkdir()
    tree.lay_out(planned, root, work / "source", contents)


def _fits(planned: plan.Plan, root: Path, memory: Memory) -> bool:
    """Tell whether a plan's files would fit into memory twice."""
    try:
        own = (origin for origin in planned.files.values() if not remote.tree_of(origin))
        return memory.free() > 2 * sum((root / origin).stat().st_size for origin in own)
    except OSError:
        return False


def _confinement(work: Path, timeout: float) -> Confinement:
    """Return what the program may reach: the tree that was laid out for it."""
    seconds = math.ceil(timeout * _PROCESSORS)
    return Confinement(read=(str(work / "source"),), memory=_MEMORY, cpu_seconds=seconds, reserves=True)


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
        "GOMAXPROCS": str(_PROCESSORS),
        "GOMEMLIMIT": str(_MEMORY // 4 * 3),  # from there on Go would rather collect garbage than fail
        "GOGC": "400",  # before that it leaves more of it, which takes a small build a fifth less of a processor
    }


def _complaint(errors: str, work: Path) -> str:
    """Return what the program complains of, without this machine's paths; of a panic one line, in Flux's words."""
    lines = errors.splitlines()
    text = "\n".join(line for line in lines if not line.startswith("# Warning: ")).strip()
    if (panic := _PANIC.search(text)) and _TRACE.search(text):
        text = f"recovered from kustomize build panic: {panic[1]}"
    text = text.removeprefix("Error: ").removeprefix("error: ")
    text = _LITERALS.sub("a literal source is not of the form key=value", text)
    text = _INLINE.sub(lambda found: f"{found[1]}what is given inline", text)
    place = str(work / "source")
    return text.replace(f"{place}/", "").replace(place, ".")[:_LONGEST_COMPLAINT] or "no message"
