"""`v1 identity`: the public key that a forge is to know, as `fluxctl identity` prints it."""

import base64
import binascii
from typing import Any

from gotk.kube import errors
from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output
from image_automation.cli.verbs.v1 import repository

_KEY = "identity.pub"


def _identity(*, source: str, **options: Any) -> None:
    cluster = repository.cluster_of(options)
    output.text(clusters.run(_key(cluster, source)))


identity = flags.Command(
    "identity",
    callback=_identity,
    params=repository.parameters(),
    help="Print the public key of the GitRepository's Secret, to be made a deploy key.",
)


async def _key(cluster: clusters.Cluster, source: str) -> str:
    async with cluster.connect() as client:
        obj = await repository.fetch(client, cluster, source)
        subject, url = f"GitRepository {cluster.namespace}/{source}", kinds.dig(obj, "spec", "url")
        name = kinds.dig(obj, "spec", "secretRef", "name")
        if not name:
            output.fail(f"{subject} has no spec.secretRef, and no key: what {url} serves is read by anybody")
        try:
            secret = await client.get_object("v1", "Secret", cluster.namespace, str(name))
        except errors.NotFound:
            output.fail(f"Secret {cluster.namespace}/{name} of {subject} not found: make it with {_making(name, url)}")
    data = kinds.dig(secret, "data") or {}
    if _KEY not in data:
        output.fail(f"Secret {cluster.namespace}/{name} has no '{_KEY}': make a key with {_making(name, url)}")
    try:
        return base64.b64decode(str(data[_KEY]), validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        output.fail(f"Secret {cluster.namespace}/{name}: '{_KEY}' is no text: make a key with {_making(name, url)}")


def _making(name: Any, url: Any) -> str:
    address = url if str(url).startswith("ssh://") else "ssh://git@HOST/REPOSITORY"
    return f"`create secret git {name} --url={address}`"
