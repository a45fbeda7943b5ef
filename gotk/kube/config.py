"""Where the cluster is and how to prove who we are: kubeconfig, or the service account of a pod.

Answers to `k8s.io/client-go/tools/clientcmd`. Plain entries (certificates, tokens, passwords, proxies) are read here;
exec plugins and OIDC go through `kubernetes.aio`, which costs a second and 26 MB to import and is loaded only for them.
"""

import base64
import binascii
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gotk import nesting
from gotk.kube import credentials
from gotk.kube.credentials import Authorization, Certificate, ConfigError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How to reach one cluster. `origin` says, for messages, where this comes from."""

    host: str
    origin: str
    authorization: Authorization
    ssl_context: ssl.SSLContext | None = None
    tls_server_name: str | None = None
    proxy: str | None = None
    namespace: str = "default"

    def __repr__(self) -> str:
        return f"Config({self.host}, from {self.origin})"


def in_cluster(environ: Mapping[str, str], *, directory: Path = SERVICE_ACCOUNT) -> Config | None:
    """Return the configuration of the pod we run in, or None outside of one.

    The token is read again every minute, because the kubelet rotates it. Raises ConfigError for half a service account.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not directory.is_dir():
        return None
    token, ca = directory / "token", directory / "ca.crt"
    for file in (token, ca):
        if not file.is_file():
            raise ConfigError(f"in-cluster configuration: {file} does not exist; is the service account token mounted?")
    namespace = directory / "namespace"
    return Config(
        host=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        origin="the pod's service account",
        authorization=credentials.token_file(token),
        ssl_context=ssl.create_default_context(cafile=str(ca)),
        namespace=namespace.read_text().strip() if namespace.is_file() else "default",
    )


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
    authorization, certificate = await _credentials(user, user_base, merged, name)
    try:
        context_ = _ssl_context(host, cluster, cluster_base, certificate)
    except (OSError, ssl.SSLError, binascii.Error) as error:
        raise ConfigError(f"{names}: context {name!r}: cannot load certificates: {error}") from error
    return Config(
        host=host,
        origin=f"context {name!r} of {names}",
        authorization=authorization,
        ssl_context=context_,
        tls_server_name=cluster.get("tls-server-name"),
        proxy=cluster.get("proxy-url"),
        namespace=str(chosen.get("namespace") or "default"),
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


async def _credentials(
    user: Mapping[str, Any], base: Path, merged: Mapping[str, Any], context: str
) -> tuple[Authorization, Certificate | None]:
    """Return how to authorize requests and the client certificate with its key, where there is one."""
    public = credentials.data_or_file(user, "client-certificate", base)
    private = credentials.data_or_file(user, "client-key", base)
    certificate = (public, private) if public is not None and private is not None else None
    if user.get("token"):
        return credentials.constant(f"Bearer {user['token']}"), certificate
    if user.get("tokenFile"):
        return credentials.token_file(base / str(user["tokenFile"])), certificate
    if "exec" in user or "auth-provider" in user:
        from gotk.kube import plugins  # noqa: PLC0415 - loads kubernetes.aio, which is slow and seldom needed

        return await plugins.load(user, merged["contexts"][context][0], base)
    if user.get("username"):
        basic = base64.b64encode(f"{user['username']}:{user.get('password', '')}".encode()).decode()
        return credentials.constant(f"Basic {basic}"), certificate
    return credentials.constant(None), certificate


def _ssl_context(
    host: str, cluster: Mapping[str, Any], base: Path, certificate: Certificate | None
) -> ssl.SSLContext | None:
    if not host.startswith("https://"):
        return None
    authority = credentials.data_or_file(cluster, "certificate-authority", base)
    if isinstance(authority, bytes):
        context = ssl.create_default_context(cadata=authority.decode())
    else:
        context = ssl.create_default_context(cafile=str(authority) if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        credentials.load_certificate(context, *certificate)
    return context
