"""From an artifact to the objects to apply: fetch, build, substitute, read, mark.

Every stage keeps its last results under the name of everything it depends on, so a run in which nothing has changed
downloads nothing, starts no program and parses no YAML. A build depends on what it asked of its source (`asked`), so it
serves for every artifact that answers the same.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from deploy.cluster import inventory, manifests, objects, redaction
from deploy.cluster.comparing import normal
from deploy.kustomize import dependencies, owner
from deploy.kustomize.attempt import Attempt
from deploy.kustomize.building import build, resources
from deploy.kustomize.building.asked import Answered
from deploy.kustomize.building.build import Built
from deploy.kustomize.building.contents import Contents, Index
from deploy.kustomize.decryption import decrypted
from deploy.kustomize.decryption.decryptor import NotDecrypted
from deploy.kustomize.decryption.keyring import Keyring
from deploy.kustomize.substitution import substitute, variables
from deploy.source import fetch
from gotk import documents
from gotk.api.kustomize import CommonMetadata, Kustomization
from gotk.api.meta import Artifact
from gotk.bounded import Bounded
from gotk.kube.ports import Getter
from gotk.runtime.blocking import Limiter

# What has more lines is counted as a whole: its documents alone may be small.
_MANY_LINES = 500_000
_KEPT_BYTES = 64 << 20
_SUBSTITUTE = "kustomize.toolkit.fluxcd.io/substitute"


class AssemblyError(ValueError):
    """The objects cannot be made. The message is for people."""


class Assembled(msgspec.Struct, frozen=True, dict=True):
    """The objects of a build, and the digest of what kustomize made, by which the history names it.

    They are kept as JSON `text`, and read when somebody looks at them: with what is at rest nobody does.
    `hidden` are the values that Secrets gave to its variables, and what was encrypted. `inputs` is what went into them
    besides spec and source, of which it has `answered` what is asked. `name` is a hash of all that they were made of.
    """

    text: msgspec.Raw
    digest: str
    hidden: tuple[str, ...] = ()
    inputs: str = ""
    answered: Answered | None = None
    name: str = ""

    @functools.cached_property
    def manifests(self) -> list[objects.Manifest]:
        """The objects."""
        return msgspec.json.decode(self.text, type=list[objects.Manifest])

    def __iter__(self) -> Iterator[objects.Manifest]:
        yield from self.manifests


@dataclass(frozen=True, slots=True)
class _Kept:
    """A build, and the digest of the artifact that it was made of, or would be."""

    digest: str
    built: Built


class Assembler:
    """Makes the objects of Kustomizations."""

    def __init__(
        self,
        *,
        trees: fetch.Trees,
        builder: build.Builder,
        client: Getter,
        keyring: Keyring,
        limiter: Limiter,
        strict: bool,
    ) -> None:
        """Take what it works with; with `strict` a variable without a value is an error, as since Flux 2.9."""
        self._trees = trees
        self._builder = builder
        self._client = client
        self._limiter = limiter
        self._strict = strict
        self._keyring = keyring
        self._built: Bounded[str, _Kept] = Bounded(_KEPT_BYTES, weigh=lambda kept: kept.built.size())
        self._read = build.Outputs()
        self._index = Index(trees=trees, limiter=limiter)

    async def build(self, attempt: Attempt) -> Built:
        """Return the YAML that a run's source builds to. Raises artifact.ArtifactError and build.BuildError."""
        return await self.built(
            attempt.obj, attempt.artifact, timeout=attempt.timeout.seconds, progress=attempt.progress
        )

    async def built(
        self, obj: Kustomization, source: Artifact, *, timeout: float, progress: Callable[[str], Awaitable[None]]
    ) -> Built:
        """Return the YAML that a source builds to. Raises artifact.ArtifactError and build.BuildError."""
        spec = obj.spec
        try:
            decryptor = await self._keyring.decryptor(obj)
        except NotDecrypted as error:
            raise build.BuildError(str(error)) from error
        keys = decryptor.digest if decryptor else ""
        name = build.key(dependencies.source_key(obj), spec, keys)
        kept = self._built.get(name)
        if kept is not None and kept.digest == source.digest:
            return kept.built
        await progress("Fetching manifests")
        if kept is None or not await self._is_same(kept.built, source, timeout=timeout):
            async with self._trees.open(source, timeout=timeout) as root:
                directory = build.locate(root, spec.path)
                await progress("Building manifests")
                built = await self._builder.build(root, directory, spec, timeout=timeout, decryptor=decryptor)
                if built.asked is None:
                    return built
                answered = (await self.contents(source, timeout=timeout)).answer(built.asked)
            kept = _Kept(source.digest, dataclasses.replace(built, answered=answered, keys=keys))
        self._built.put(name, dataclasses.replace(kept, digest=source.digest))
        return kept.built

    async def _is_same(self, built: Built, source: Artifact, *, timeout: float) -> bool:
        """Tell whether a build of another artifact would come of this one, too. Raises ArtifactError."""
        contents, answered = await self.contents(source, timeout=timeout), built.answered
        return answered is not None and contents.answer(answered.asked) == answered

    async def contents(self, artifact: Artifact, *, timeout: float) -> Contents:
        """Return what a source holds. Raises ArtifactError."""
        return await self._index.of(artifact, timeout=timeout)

    def known(self, digest: str) -> Contents | None:
        """Return what a source of this digest held, where that is still known."""
        return self._index.known(digest)

    async def inputs(self, kustomization: Kustomization) -> str:
        """Return what would go into the objects now besides spec and source, as `Assembled` has it.

        Raises NotDecrypted and VariablesError.
        """
        decryptor = await self._keyring.decryptor(kustomization)
        spec = kustomization.spec
        loaded = await variables.load(spec.post_build, kustomization.metadata.namespace, self._client)
        return _inputs(decryptor.digest if decryptor else "", loaded.values)

    async def objects(self, kustomization: Kustomization, built: Built) -> Assembled:
        """Return the objects of a build, ready to apply. Raises AssemblyError, which carries no value of a Secret."""
        spec, meta, text = kustomization.spec, kustomization.metadata, built.text
        try:
            loaded = await variables.load(spec.post_build, meta.namespace, self._client)
            substitute.check_names(loaded.values)
        except (variables.VariablesError, substitute.SubstitutionError) as error:
            cause = f"envsubst error: {error}" if isinstance(error, substitute.SubstitutionError) else str(error)
            raise AssemblyError(_post_build_error(text, cause)) from error
        always = spec.post_build is not None and spec.post_build.substitute_strategy == "Always"
        name = _name(kustomization, text, loaded.values, always=always)
        kept, hidden = self._read.get(name), (*loaded.hidden, *built.hidden)
        if kept is None:
            wanted = loaded.values if loaded.values or always else None
            try:
                kept = await self._limiter.run(_assemble, kustomization, text, wanted, strict=self._strict)
            except AssemblyError as error:
                raise AssemblyError(redaction.Redactor(hidden).hide(str(error))) from error
            self._read.put(name, kept)
        found = msgspec.json.decode(kept, type=Assembled)
        inputs = _inputs(built.keys, loaded.values)
        return msgspec.structs.replace(found, hidden=hidden, inputs=inputs, answered=built.answered, name=name)


def _inputs(keys: str, values: Mapping[str, str]) -> str:
    return hashlib.blake2b(msgspec.json.encode([keys, values], order="sorted"), digest_size=20).hexdigest()


def _post_build_error(built: str, cause: str) -> str:
    """Word a failure of the variables as Flux does, which meets it at the first resource."""
    texts = resources.split(built)
    return f"post build failed for '{_named(texts[0])}': {cause}" if texts else f"post build failed: {cause}"


def _name(kustomization: Kustomization, built: str, values: Mapping[str, str], *, always: bool) -> str:
    common = kustomization.spec.common_metadata or CommonMetadata()
    meta = kustomization.metadata
    parts = (built, values, always, meta.namespace, meta.name, common)
    return hashlib.blake2b(msgspec.json.encode(parts, order="sorted"), digest_size=20).hexdigest()


def _assemble(kustomization: Kustomization, built: str, values: Mapping[str, str] | None, *, strict: bool) -> str:
    """Do the part that takes the processor: returns the objects as JSON."""
    texts = resources.split(built)
    if values is not None:
        texts = [substituted(text, values, strict=strict) for text in texts]
    try:
        if built.count("\n") > _MANY_LINES:
            documents.check_size(built)
        read = manifests.read(texts)
    except documents.DocumentError as error:
        raise AssemblyError(f"failed to read the result of the build: {error}") from error
    _check_unique(read)
    common = kustomization.spec.common_metadata or CommonMetadata()
    owned_by = owner.of(kustomization)
    digest = hashlib.sha256(resources.join(texts).encode()).hexdigest()
    for manifest in read:
        if _is_encrypted(manifest):
            cause = "is SOPS encrypted, configuring decryption is required for this secret to be reconciled"
            raise AssemblyError(f"{objects.subject(manifest)} {cause}")
        normal.prepare(manifest, owner=owned_by, labels=common.labels, annotations=common.annotations)
    return msgspec.json.encode(Assembled(msgspec.Raw(msgspec.json.encode(read)), f"sha256:{digest}")).decode()


def _check_unique(read: Sequence[objects.Manifest]) -> None:
    """See that no two manifests are of one object, as variables can make them. Raises AssemblyError.

    What kustomize builds has none, and two versions of an object are for the cluster to tell apart.
    """
    seen: set[tuple[str, str]] = set()
    for manifest in read:
        key = (str(manifest["apiVersion"]), str(inventory.ObjectID.of(manifest)))
        if key in seen:
            cause = "its variables make one object of two manifests, give them different names"
            raise AssemblyError(f"post build failed for '{objects.subject(manifest)}': {cause}")
        seen.add(key)


def substituted(text: str, values: Mapping[str, str], *, strict: bool) -> str:
    """Substitute in one resource, unless it opts out. Raises AssemblyError."""
    if "$" not in text or (_SUBSTITUTE in text and _opts_out(text)):
        return text
    try:
        substituted = substitute.substitute(text, values, strict=strict)
        documents.load(substituted)
    except substitute.SubstitutionError as error:
        cause = f"variable substitution failed: {error}"
        raise AssemblyError(f"post build failed for '{_named(text)}': envsubst error: {cause}") from error
    except documents.DocumentError as error:
        raise AssemblyError(f"post build failed for '{_named(text)}': envsubst error: YAMLToJSON: {error}") from error
    return substituted


def _named(text: str) -> str:
    return resources.described(resources.read(text))


def _opts_out(text: str) -> bool:
    """Tell whether a resource asks not to be substituted; unlike the other keys this one minds the case."""
    metadata = resources.read(text).get("metadata") or {}
    return "disabled" in {(metadata.get(place) or {}).get(_SUBSTITUTE) for place in ("labels", "annotations")}


def _is_encrypted(manifest: objects.Manifest) -> bool:
    """Tell whether a Secret was left encrypted, and not because it asks to be."""
    return redaction.is_secret(manifest) and isinstance(manifest.get("sops"), dict) and not decrypted.opts_out(manifest)
