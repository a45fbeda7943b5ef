"""What of a build is decrypted, by the keys of one Kustomization: files before it, resources after it.

Answers to `DecryptSources` and `DecryptResource` of kustomize-controller, limits and messages included.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from deploy.cluster import redaction
from deploy.kustomize.building import resources
from deploy.kustomize.building.source import Source, TooLarge
from deploy.kustomize.decryption import decrypted, formats, sops
from deploy.kustomize.decryption.formats import Format
from deploy.kustomize.decryption.keys import Keys
from deploy.kustomize.decryption.sops import DecryptionError, Sops
from gotk import documents, go_yaml

T = TypeVar("T")


class NotDecrypted(ValueError):
    """Something of a build cannot be decrypted. The message says what, why and what to do, and holds no value."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Plain texts by what they are the text of, and what no message may show of them."""

    by_name: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)


class Decryptor:
    """Decrypts by one set of keys; `digest` is what its results depend on."""

    def __init__(self, sops: Sops, keys: Keys) -> None:
        self._sops = sops
        self._keys = keys
        self.digest = keys.digest

    async def files(self, source: Source, candidates: Mapping[str, Format], *, timeout: float) -> Texts:
        """Return the plain texts of those among some files that are encrypted. Raises NotDecrypted."""
        found: dict[str, tuple[Format, bytes]] = {}
        for path, kind in candidates.items():
            data = _read(source, path)
            if formats.is_encrypted(data, kind):
                found[path] = kind, data
        plain = await _together([self._file(path, kind, data, timeout) for path, (kind, data) in found.items()])
        texts = dict(zip(found, plain, strict=True))
        hidden = [line for path, text in texts.items() for line in decrypted.secret_lines(found[path][1], text)]
        return Texts(texts, tuple(hidden))

    async def resources(self, text: str, *, timeout: float) -> tuple[str, tuple[str, ...]]:
        """Return what kustomize printed with its resources decrypted, and what is to be hidden. Raises NotDecrypted."""
        if "sops" not in text and "kind: Secret\n" not in text:
            return text, ()
        hidden: list[str] = []
        made = await _together([self._resource(each, hidden, timeout) for each in resources.split(text)])
        return resources.join(made), tuple(hidden)

    async def _file(self, path: str, kind: Format, data: bytes, timeout: float) -> bytes:
        try:
            return await self._sops.decrypt(data, self._keys, given=kind, wanted=kind, timeout=timeout)
        except DecryptionError as error:
            raise NotDecrypted(f"error decrypting sources: {path}: {error}") from error

    async def _resource(self, text: str, hidden: list[str], timeout: float) -> str:
        if not text.startswith("sops:") and "\nsops:" not in text and "\nkind: Secret\n" not in f"\n{text}":
            return text
        try:
            manifest = resources.read(text)
        except documents.DocumentError:
            return text  # who reads it next will say so
        if decrypted.opts_out(manifest):
            return text
        try:
            made = await self._manifest(manifest, timeout)
        except DecryptionError as error:
            raise NotDecrypted(f"decryption failed for '{resources.described(manifest)}': {error}") from error
        if made is None:
            return text
        hidden += decrypted.secret_values(manifest, made)
        return go_yaml.write(made)

    async def _manifest(self, manifest: dict[str, Any], timeout: float) -> dict[str, Any] | None:
        """Return a resource in plain, None where nothing of it is encrypted. Raises DecryptionError."""
        metadata = manifest.get("metadata") or {}
        name = f"'{metadata.get('namespace', '')}/{metadata.get('name', '')}'"
        if decrypted.is_encrypted(manifest):
            try:
                return await self._whole(manifest, timeout)
            except DecryptionError as error:
                kind = manifest.get("kind")
                raise DecryptionError(f"failed to decrypt and format {name} {kind} data: {error}") from error
        data = manifest.get("data")
        if not redaction.is_secret(manifest) or not isinstance(data, dict):
            return None
        plain = {key: await self._value(name, key, value, timeout) for key, value in data.items()}
        changed = {key: value for key, value in plain.items() if value is not None}
        return {**manifest, "data": {**data, **changed}} if changed else None

    async def _whole(self, manifest: dict[str, Any], timeout: float) -> dict[str, Any]:
        text = json.dumps(manifest, ensure_ascii=False).encode()
        plain = await self._sops.decrypt(text, self._keys, given="json", wanted="json", timeout=timeout)
        try:
            made = (documents.load(plain.decode()) or [None])[0]
        except (documents.DocumentError, UnicodeDecodeError):
            made = None
        if not isinstance(made, dict):
            raise DecryptionError("what it decrypts to is no object")
        return made

    async def _value(self, name: str, key: str, value: Any, timeout: float) -> str | None:
        """Return a value of a Secret in plain, None where it is not encrypted."""
        try:
            data = base64.b64decode("".join(value.split()), validate=True) if isinstance(value, str) else b""
        except binascii.Error:
            return None  # the API server will refuse it
        kind = formats.detect(data)
        if kind is None:
            return None
        try:
            wanted = formats.of_name(key)
            plain = await self._sops.decrypt(data, self._keys, given=kind, wanted=wanted, timeout=timeout)
        except DecryptionError as error:
            raise DecryptionError(f"failed to decrypt and format {name} Secret field '{key}': {error}") from error
        return base64.b64encode(plain).decode()


async def _together(makers: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what several coroutines make, in their order; the first that fails ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in makers]
    except* NotDecrypted as errors:
        raise next(each for each in errors.exceptions if isinstance(each, NotDecrypted)) from None
    return [task.result() for task in tasks]


def _read(source: Source, path: str) -> bytes:
    try:
        data = source.read(path)
    except TooLarge as error:
        raise NotDecrypted(f"error decrypting sources: {path}: {error}") from None
    if len(data) > sops.LARGEST:
        cause = f"cannot decrypt file with size ({len(data)} bytes) exceeding limit ({sops.LARGEST})"
        raise NotDecrypted(f"error decrypting sources: {path}: {cause}")
    return data
