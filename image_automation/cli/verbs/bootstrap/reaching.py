"""How the repository is reached: by this run, and by the cluster from then on.

Answers to `flux bootstrap git`: with `--token-auth` the cluster fetches over http with the same credentials, without it
over SSH with a deploy key. A Secret that is on the cluster is left as it is, and opens the repository for this run too.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from gotk.git import auth
from gotk.git import errors as git
from gotk.kube import errors
from image_automation.cli import output
from image_automation.cli.verbs.create import deploy_keys
from image_automation.cli.verbs.create.files import read
from image_automation.cli.verbs.create.recipe import Asked

if TYPE_CHECKING:
    from gotk.kube import client as kube

Texts = Mapping[str, str]
#: Gives a new public key the right to read (and write) the repository, or asks the user to.
Admit = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """`url` with `credentials` for this run, `sync_url` with `texts` of a Secret for the cluster.

    `texts` is None where the cluster has the Secret already; `public` is a deploy key that nobody has been told of yet.
    """

    url: str
    credentials: auth.Credentials = field(repr=False)
    sync_url: str
    texts: Texts | None = field(repr=False)
    public: str = ""


def over_ssh(url: str, user: str, host: str) -> str:
    """Return the address of the same repository over SSH; `host` is another one for it, with a port perhaps."""
    parts = urlsplit(url)
    if parts.scheme == "ssh" and not host:
        return url if parts.username else urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}"))
    return urlunsplit(("ssh", f"{parts.username or user}@{host or parts.hostname}", parts.path, "", ""))


def without_user(url: str) -> str:
    """Return an address without credentials, which belong into the Secret."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


async def secret_on_cluster(client: "kube.Client", namespace: str, name: str) -> dict[str, bytes] | None:
    """Return what the Secret on the cluster holds; None where there is none."""
    try:
        found = await client.get_object("v1", "Secret", namespace, name)
    except errors.NotFound:
        return None
    return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}


def credentials(url: str, texts: Mapping[str, str] | Mapping[str, bytes], name: str) -> auth.Credentials:
    """Read credentials as the service will read them of the Secret. Raises Failure."""
    data = {key: value.encode() if isinstance(value, str) else value for key, value in texts.items()}
    try:
        return auth.from_secret(url, data, name=name)
    except git.Error as error:
        output.fail(error.message)


def token_texts(options: Mapping[str, Any], username: str, token: str) -> dict[str, str]:
    """Return the Secret's texts for http."""
    authority = {"ca.crt": read(options["ca_file"], "TLS CA file")} if options["ca_file"] else {}
    if options.get("with_bearer_token"):
        return {"bearerToken": token} | authority
    return ({"username": username, "password": token} if token else {}) | authority


async def key_texts(options: Mapping[str, Any], url: str, namespace: str) -> dict[str, str]:
    """Return the Secret's texts for SSH: the key of a file or a new one, and the server's key, asked for now."""
    asked = {**options, "url": url, "password": options.get("password") if options["private_key_file"] else ""}
    return await deploy_keys.texts(Asked(name="", namespace=namespace, labels={}, flags=asked))
