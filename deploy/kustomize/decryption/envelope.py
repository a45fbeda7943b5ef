"""Documents whose data key a service holds: opened, and closed again for a key that is good for one run of sops.

sops asks key services itself, with credentials of the environment and whatever network there is. Here this process asks
them, makes a new age identity, encrypts the data key for it, and gives sops the document with that in its metadata.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import pyrage

from deploy.kustomize.decryption import metadata, recipients, services
from deploy.kustomize.decryption.formats import Format
from deploy.kustomize.decryption.keys import Keys
from deploy.kustomize.decryption.metadata import Group
from gotk.runtime.blocking import Limiter

T = TypeVar("T")

_MARKS = (b"kms", b"azure_kv", b"hc_vault")
_MOST_ENTRIES = 20
_CALLED = {"kms": "arn", "gcp_kms": "resource_id", "azure_kv": "vault_url", "hc_vault": "vault_address"}


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A document and keys with which sops needs no service, and what services said that did not open theirs."""

    data: bytes
    keys: Keys
    said: tuple[str, ...] = ()


async def open_for_sops(
    data: bytes,
    kind: Format,
    keys: Keys,
    *,
    opens: services.Opens,
    turn: AbstractAsyncContextManager[None],
    limiter: Limiter | None = None,
) -> Opened:
    """Ask the services that a document needs beside the keys at hand, in one turn. Raises metadata.NoMetadata."""
    if not any(mark in data for mark in _MARKS):
        return Opened(data, keys)
    found = await _beside(limiter, lambda: metadata.read(data, kind))
    count = sum(len(group[kind]) for group in found.groups for kind in _asked(group, keys))
    if not count:
        return Opened(data, keys)
    if count > _MOST_ENTRIES:
        raise metadata.NoMetadata(f"its sops metadata names {count} keys of services, more than {_MOST_ENTRIES}")
    identity = pyrage.x25519.Identity.generate()
    said: list[str] = []
    async with turn:
        groups = [await _reopened(group, keys, identity, opens, said) for group in found.groups]
    if all(new is old for new, old in zip(groups, found.groups, strict=True)):
        return Opened(data, keys, tuple(said))
    opened = metadata.Metadata(tuple(groups), found.several)
    age = keys.age + f"{identity}\n".encode()
    written = await _beside(limiter, lambda: metadata.write(data, kind, opened))
    return Opened(written, dataclasses.replace(keys, age=age), tuple(said))


async def _beside(limiter: Limiter | None, work: Callable[[], T]) -> T:
    """Do what may take a while beside the loop, where there is a place for it."""
    return work() if limiter is None else await limiter.run(work)


def _asked(group: Group, keys: Keys) -> Sequence[str]:
    """Return the kinds of services that are asked for a group's key: none where a key at hand opens it."""
    local = [entry.get(name) for each, name in (("age", "recipient"), ("pgp", "fp")) for entry in group[each]]
    if any(name in keys.names for name in local):
        return ()
    return services.in_order([kind for kind, entries in group.items() if entries])


async def _reopened(group: Group, keys: Keys, identity: Any, opens: services.Opens, said: list[str]) -> Group:
    """Return a group with its key closed for an identity, the same where a key at hand opens it or nobody does."""
    for kind in _asked(group, keys):
        for entry in group[kind]:
            try:
                key = await opens.open(kind, entry, keys)
            except services.ServiceError as error:
                said.append(f"{_called(kind, entry)}: {error}")
                continue
            closed = pyrage.encrypt(key, [identity.to_public()], armored=True).decode()
            return {"age": [{"recipient": str(identity.to_public()), "enc": closed}]}
    return group


def _called(kind: str, entry: Mapping[str, Any]) -> str:
    field = _CALLED.get(kind, "")
    name = dict(recipients.KINDS).get(field, kind)
    return f"{name} {str(entry.get(field, ''))[:120]}".strip()
