"""Documents whose data key a service holds: opened, and closed again for a key that is good for one run of sops.

sops asks key services itself, with credentials of the environment and whatever network there is. Here this process asks
them, makes a new age identity, encrypts the data key for it, and gives sops the document with that in its metadata.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pyrage

from deploy.kustomize.decryption import metadata, recipients, services
from deploy.kustomize.decryption.formats import Format
from deploy.kustomize.decryption.keys import Keys
from deploy.kustomize.decryption.metadata import Group

_MARKS = (b"kms", b"azure_kv", b"hc_vault")
_CALLED = {"kms": "arn", "gcp_kms": "resource_id", "azure_kv": "vault_url", "hc_vault": "vault_address"}


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A document and keys with which sops needs no service, and what services said that did not open theirs."""

    data: bytes
    keys: Keys
    said: tuple[str, ...] = ()


async def open_for_sops(data: bytes, kind: Format, keys: Keys, *, opens: services.Opens) -> Opened:
    """Ask the services that a document needs beside the keys at hand. Raises metadata.NoMetadata."""
    if not any(mark in data for mark in _MARKS):
        return Opened(data, keys)
    found = metadata.read(data, kind)
    identity = pyrage.x25519.Identity.generate()
    said: list[str] = []
    groups = [await _reopened(group, keys, identity, opens, said) for group in found.groups]
    if all(new is old for new, old in zip(groups, found.groups, strict=True)):
        return Opened(data, keys, tuple(said))
    opened = metadata.Metadata(tuple(groups), found.several)
    age = keys.age + f"{identity}\n".encode()
    return Opened(metadata.write(data, kind, opened), dataclasses.replace(keys, age=age), tuple(said))


async def _reopened(group: Group, keys: Keys, identity: Any, opens: services.Opens, said: list[str]) -> Group:
    """Return a group with its key closed for an identity, the same where a key at hand opens it or nobody does."""
    local = [entry.get(name) for each, name in (("age", "recipient"), ("pgp", "fp")) for entry in group[each]]
    if any(name in keys.names for name in local):
        return group
    for kind in services.in_order([kind for kind, entries in group.items() if entries]):
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
