"""A kubeconfig that somebody else has written: it may name an address and credentials, and nothing of this machine.

Answers to `clientcmd.RESTConfigFromKubeConfig` and the sanitizing of `fluxcd/pkg/runtime/client`. Programs and files,
which Flux silently leaves out, are refused by name: what they would have given is missing anyway.
"""

import base64
import binascii
import ssl
from collections.abc import Mapping
from typing import Any

import yaml
from yarl import URL

from gotk import nesting
from gotk.http.egress import Reach, reach_of
from gotk.kube import credentials
from gotk.kube.config import Config
from gotk.kube.credentials import Authorization, ConfigError

_OF_THIS_MACHINE = {
    "exec": "runs a program",
    "auth-provider": "runs a plugin",
    "tokenFile": "names a file",
    "client-certificate": "names a file",
    "client-key": "names a file",
    "certificate-authority": "names a file",
}
#: Where others may lead us: to clusters at home, too, and to no metadata service.
MOST = Reach.LOOPBACK
_INSTEAD = "only what stands in the kubeconfig itself is used: a token, a password, or *-data with certificates"


def read(content: bytes, *, origin: str, insecure_tls: bool) -> Config:
    """Read the current context of a kubeconfig. Raises ConfigError that names the entry and holds no credential.

    `origin` says where it comes from; `insecure_tls` lets it switch the check of the server's certificate off.
    """
    document = _document(content)
    context = _entry(document, "context", str(document.get("current-context") or ""))
    cluster = _entry(document, "cluster", str(context.get("cluster") or ""))
    user = _entry(document, "user", str(context["user"])) if context.get("user") else {}
    for what, entry in (("cluster", cluster), ("user", user)):
        for key, does in _OF_THIS_MACHINE.items():
            if entry.get(key):
                raise ConfigError(f"{what} '{context[what]}' {does} ({key}), which is not allowed: {_INSTEAD}")
    where = f"cluster '{context['cluster']}'"
    host = _address(cluster.get("server"), f"{where} has no server").rstrip("/")
    proxy = cluster.get("proxy-url")
    return Config(
        host=host,
        origin=origin,
        authorization=_authorization(user),
        ssl_context=_ssl_context(cluster, user, insecure_tls=insecure_tls) if host.startswith("https") else None,
        tls_server_name=_name(cluster.get("tls-server-name"), f"{where} has a tls-server-name, but none"),
        most=MOST,
        proxy=_address(proxy, f"{where} has a proxy, but none") if proxy else None,
    )


def trust(authority: bytes) -> ssl.SSLContext:
    """Return what trusts certificates of an authority in PEM, the system's where it is empty. Raises ConfigError."""
    try:
        return ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
    except (ssl.SSLError, UnicodeDecodeError):
        raise ConfigError("the certificate authority is no certificate in PEM") from None


def _address(text: Any, complaint: str) -> str:
    """Return an address that leads to a server and to no secret of this machine's. Raises ConfigError."""
    spelt = str(text or "")
    try:
        url = URL(spelt)
    except ValueError:
        url = URL()
    if url.scheme not in {"https", "http"} or not url.host or url.query_string or url.fragment:
        raise ConfigError(f"{complaint} that begins with https:// or http:// and ends with its path")
    try:
        forbidden = reach_of(url.host) > MOST
    except ValueError:  # a name
        forbidden = False
    if forbidden:
        raise ConfigError(f"{complaint} that it may name: {url.host} is an address of this machine's cloud")
    _name(url.host, complaint)
    return spelt


def _name(text: Any, complaint: str) -> str | None:
    """Return a host's name, None where there is none. Raises ConfigError for what cannot be one."""
    if not text:
        return None
    try:
        str(text).encode("idna")
    except UnicodeError:
        raise ConfigError(f"{complaint} that can be a name") from None
    if not str(text).isprintable():
        raise ConfigError(f"{complaint} that can be a name")
    return str(text)


def _document(content: bytes) -> Mapping[str, Any]:
    try:
        document = next(iter(nesting.load(content)), None)
    except (yaml.YAMLError, nesting.TooDeep, UnicodeDecodeError):
        raise ConfigError("it is not YAML") from None  # what the parser says quotes the text
    if not isinstance(document, dict):
        raise ConfigError("it is no kubeconfig: it holds no mapping")
    return document


def _entry(document: Mapping[str, Any], what: str, name: str) -> Mapping[str, Any]:
    if not name:
        raise ConfigError(f"it says no {'current-context' if what == 'context' else what}")
    entries = document.get(f"{what}s")
    for item in entries if isinstance(entries, list) else ():
        if isinstance(item, dict) and item.get("name") == name and isinstance(item.get(what), dict):
            found: Mapping[str, Any] = item[what]
            return found
    raise ConfigError(f"there is no {what} '{name}' in it")


def _authorization(user: Mapping[str, Any]) -> Authorization:
    if user.get("token"):
        if not str(user["token"]).isprintable():
            raise ConfigError("the token holds a line break or another control character")
        return credentials.constant(f"Bearer {user['token']}")
    if user.get("username"):
        basic = base64.b64encode(f"{user['username']}:{user.get('password', '')}".encode()).decode()
        return credentials.constant(f"Basic {basic}")
    return credentials.constant(None)


def _ssl_context(cluster: Mapping[str, Any], user: Mapping[str, Any], *, insecure_tls: bool) -> ssl.SSLContext:
    context = trust(_data(cluster, "certificate-authority-data"))
    if insecure_tls and cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _data(user, "client-certificate-data"), _data(user, "client-key-data")
    if certificate and key:
        try:
            credentials.load_certificate(context, certificate, key)
        except (OSError, ssl.SSLError):
            raise ConfigError("client-certificate-data and client-key-data are no certificate and its key") from None
    return context


def _data(entry: Mapping[str, Any], key: str) -> bytes:
    try:
        return base64.b64decode(str(entry.get(key) or ""), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"{key} is not base64") from None
