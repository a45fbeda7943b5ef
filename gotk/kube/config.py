"""Where the cluster is and how to prove who we are: kubeconfig, or the service account of a pod.

Answers to `k8s.io/client-go/tools/clientcmd`. What files hold is read again while it is in use (`renewal`).
`auth-provider` entries go through `kubernetes.aio`, which costs a second and 26 MB to import.
"""

import base64
import binascii
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from gotk import nesting
from gotk.http.egress import Reach
from gotk.kube import credentials, exec_plugin, renewal
from gotk.kube.credentials import Authorization, Certificate, ConfigError
from gotk.kube.renewal import Files, Renewal, Source

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How to reach one cluster. `origin` says, for messages, where this comes from.

    `renewal` looks after an authorization and certificates that are renewed while they are in use. `most` is how
    private a server may be that somebody else has named.
    """

    host: str
    origin: str
    authorization: Authorization
    ssl_context: ssl.SSLContext | None = None
    tls_server_name: str | None = None
    proxy: str | None = None
    namespace: str = "default"
    renewal: Renewal | None = None
    most: Reach | None = None

    def context(self) -> ssl.SSLContext | None:
        """Return what connections are opened with now."""
        return self.renewal.context if self.renewal is not None else self.ssl_context

    async def unproven(self) -> "Config":
        """Return how the same server is reached by somebody who proves who they are with each request.

        No certificate of ours is shown, which would count before what they prove. Raises ConfigError.
        """
        kept = await self.renewal.unproven().open() if self.renewal is not None else None
        return replace(self, authorization=credentials.constant(None), ssl_context=None, renewal=kept)

    def __repr__(self) -> str:
        return f"Config({self.host}, from {self.origin})"


async def in_cluster(environ: Mapping[str, str], *, directory: Path = SERVICE_ACCOUNT) -> Config | None:
    """Return the configuration of the pod we run in, or None outside of one.

    Token and authority are read again every minute, because the kubelet rotates them. Raises ConfigError for half a
    service account.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not _is_mounted(directory):
        return None
    kept = await Renewal(Files(token=directory / "token", authority=directory / "ca.crt"), secure=True).open()
    return Config(
        host=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        origin="the pod's service account",
        authorization=kept.authorization,
        namespace=_namespace(directory / "namespace"),
        renewal=kept,
    )


def _is_mounted(directory: Path) -> bool:
    """Tell whether there is a service account. Raises ConfigError for half a one."""
    if not directory.is_dir():
        return False
    for file in (directory / "token", directory / "ca.crt"):
        if not file.is_file():
            raise ConfigError(f"in-cluster configuration: {file} does not exist; is the service account token mounted?")
    return True


def _namespace(file: Path) -> str:
    return file.read_text().strip() if file.is_file() else "default"


async def from_kubeconfig(paths: Sequence[Path], *, context: str | None = None) -> Config:
    """Read a context (the current one unless named) of one or more kubeconfig files, merged as kubectl does.

    Raises ConfigError that names the file and the entry.
    """
    merged = _merge(paths)
    names = ", ".join(str(path) for path in paths)
    name = context or merged["current-context"]
    if not name:
        raise ConfigError(f"{names}: no current-context is set; name one with --context")
    chosen, _ = _entry(merged, "contexts", name, names)
    cluster, cluster_base = _entry(merged, "clusters", str(chosen.get("cluster", "")), names)
    user: Mapping[str, Any] = {}
    user_base = Path()
    if chosen.get("user"):
        user, user_base = _entry(merged, "users", str(chosen["user"]), names)
    host = str(cluster.get("server", "")).rstrip("/")
    if not host.startswith(("https://", "http://")):
        raise ConfigError(f"{names}: cluster {chosen.get('cluster')!r} has no usable server address ({host!r})")
    try:
        source = await _source(user, user_base, cluster, cluster_base, merged["contexts"][name][0])
        insecure = bool(cluster.get("insecure-skip-tls-verify"))
        kept = await Renewal(source, secure=host.startswith("https://"), insecure=insecure).open()
    except (ConfigError, binascii.Error) as error:
        raise ConfigError(f"{names}: context {name!r}: {error}") from error
    return Config(
        host=host,
        origin=f"context {name!r} of {names}",
        authorization=kept.authorization,
        tls_server_name=cluster.get("tls-server-name"),
        proxy=cluster.get("proxy-url"),
        namespace=str(chosen.get("namespace") or "default"),
        renewal=kept,
    )


def _merge(paths: Sequence[Path]) -> dict[str, Any]:
    """Merge files: the first that sets a thing wins. Every entry remembers its folder, for relative paths."""
    merged: dict[str, Any] = {"contexts": {}, "clusters": {}, "users": {}, "current-context": ""}
    for path in paths:
        try:
            document = next(iter(nesting.load(path.read_bytes())), None) or {}
        except OSError as error:
            raise ConfigError(f"cannot read the kubeconfig {path}: {error.strerror}") from error
        except (yaml.YAMLError, nesting.TooDeep) as error:
            raise ConfigError(f"{path} is not valid YAML: {error}") from error
        if not isinstance(document, dict):
            raise ConfigError(f"{path} is not a kubeconfig: it holds no mapping")
        merged["current-context"] = merged["current-context"] or document.get("current-context") or ""
        for section, key in (("contexts", "context"), ("clusters", "cluster"), ("users", "user")):
            for item in document.get(section) or ():
                merged[section].setdefault(str(item.get("name")), (item.get(key) or {}, path.parent))
    return merged


def _entry(merged: Mapping[str, Any], section: str, name: str, names: str) -> tuple[Mapping[str, Any], Path]:
    found: tuple[Mapping[str, Any], Path] | None = merged[section].get(name)
    if found is None:
        known = ", ".join(sorted(merged[section])) or "none"
        raise ConfigError(f"{names}: there is no {section[:-1]} named {name!r} (there is: {known})")
    return found


async def _source(
    user: Mapping[str, Any],
    user_base: Path,
    cluster: Mapping[str, Any],
    cluster_base: Path,
    context: Mapping[str, Any],
) -> Source:
    """Return where the proofs of a user come from. Raises ConfigError."""
    certificate = _certificate(user, user_base)
    authority = credentials.data_or_file(cluster, "certificate-authority", cluster_base)
    header, token = None, None
    if user.get("tokenFile"):
        token = user_base / str(user["tokenFile"])
    elif user.get("token"):
        header = f"Bearer {user['token']}"
    elif user.get("username"):
        basic = base64.b64encode(f"{user['username']}:{user.get('password', '')}".encode()).decode()
        header = f"Basic {basic}"
    files = Files(authorization=header, token=token, authority=authority, certificate=certificate)
    if header is None and token is None and "exec" in user:
        entry = exec_plugin.read_entry(user["exec"], "user")
        told = _told(cluster, cluster_base)
        return exec_plugin.Plugin(entry, base=user_base, cluster=told, files=files)
    if header is None and token is None and "auth-provider" in user:
        from gotk.kube import plugins  # noqa: PLC0415 - loads kubernetes.aio, which is slow and seldom needed

        return await plugins.load(user, context, user_base, files)
    return files


def _certificate(user: Mapping[str, Any], base: Path) -> Certificate | None:
    public = credentials.data_or_file(user, "client-certificate", base)
    private = credentials.data_or_file(user, "client-key", base)
    return (public, private) if public is not None and private is not None else None


def _told(cluster: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Return what a credential plugin that asks for it is told of the cluster."""
    plain = ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url", "disable-compression")
    told = {key: cluster[key] for key in plain if key in cluster}
    authority = credentials.data_or_file(cluster, "certificate-authority", base)
    if authority is not None:
        told["certificate-authority-data"] = base64.b64encode(renewal.content(authority)).decode()
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            told["config"] = extension.get("extension")
    return told
