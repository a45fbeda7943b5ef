"""Kubeconfigs that others wrote: what is taken of them, and what is refused by name."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from gotk.kube import handed
from gotk.kube.client import Client
from gotk.kube.credentials import ConfigError
from gotk.kube.errors import Unreachable


def kubeconfig(user: Mapping[str, Any] | None = None, cluster: Mapping[str, Any] | None = None, **top: Any) -> bytes:
    document: dict[str, Any] = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443/", **(cluster or {})}}],
        "users": [{"name": "u", "user": dict(user or {})}],
        **top,
    }
    return yaml.safe_dump(document).encode()


def read(content: bytes, *, insecure_tls: bool = False) -> Any:
    return handed.read(content, origin="Secret 'a/b'", insecure_tls=insecure_tls)


async def test_tokens_passwords_and_proxies_are_taken() -> None:
    found = read(kubeconfig({"token": "t0ken"}, {"proxy-url": "http://proxy:3128", "tls-server-name": "kubernetes"}))
    assert (found.host, found.proxy, found.tls_server_name) == (
        "https://10.0.0.1:6443",
        "http://proxy:3128",
        "kubernetes",
    )
    assert await found.authorization() == "Bearer t0ken"
    basic = await read(kubeconfig({"username": "me", "password": "it"})).authorization()
    assert basic == "Basic " + base64.b64encode(b"me:it").decode()


def test_only_the_operator_lets_it_skip_the_check_of_certificates() -> None:
    asks = kubeconfig(cluster={"insecure-skip-tls-verify": True})
    assert read(asks).ssl_context.check_hostname
    assert not read(asks, insecure_tls=True).ssl_context.check_hostname


OF_THIS_MACHINE = {
    "a program": ({"exec": {"command": "/bin/steal", "apiVersion": "v1"}}, {}, "user 'u' runs a program (exec)"),
    "a plugin": ({"auth-provider": {"name": "gcp"}}, {}, "user 'u' runs a plugin (auth-provider)"),
    "a token's file": ({"tokenFile": "/var/run/token"}, {}, "user 'u' names a file (tokenFile)"),
    "a certificate's file": (
        {"client-certificate": "/etc/pki/a"},
        {},
        "user 'u' names a file (client-certificate)",
    ),
    "a key's file": ({"client-key": "/etc/pki/a"}, {}, "user 'u' names a file (client-key)"),
    "an authority's file": (
        {},
        {"certificate-authority": "/etc/pki/ca"},
        "cluster 'c' names a file (certificate-authority)",
    ),
}


@pytest.mark.parametrize(("user", "cluster", "message"), OF_THIS_MACHINE.values(), ids=OF_THIS_MACHINE.keys())
def test_nothing_of_this_machine_is_used(user: dict[str, Any], cluster: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(kubeconfig(user, cluster))
    assert str(raised.value).startswith(f"{message}, which is not allowed: only what stands in the kubeconfig itself")


BAD = {
    "no YAML": (b"a: [s3cret", "it is not YAML"),
    "no mapping": (b"- s3cret", "it is no kubeconfig: it holds no mapping"),
    "no context": (kubeconfig(**{"current-context": ""}), "it says no current-context"),
    "an unknown context": (kubeconfig(**{"current-context": "x"}), "there is no context 'x' in it"),
    "no clusters": (kubeconfig(clusters="s3cret"), "there is no cluster 'c' in it"),
    "a user that is no mapping": (
        kubeconfig(users=[{"name": "u", "user": "s3cret"}]),
        "there is no user 'u' in it",
    ),
    "another scheme": (
        kubeconfig(cluster={"server": "file:///etc"}),
        "cluster 'c' has no server that begins with https:// or http:// and ends with its path",
    ),
    "a query": (
        kubeconfig(cluster={"server": "http://127.0.0.1/metrics?x="}),
        "cluster 'c' has no server that begins with https:// or http:// and ends with its path",
    ),
    "another proxy": (
        kubeconfig(cluster={"proxy-url": "socks5://127.0.0.1"}),
        "cluster 'c' has a proxy, but none that begins with https:// or http:// and ends with its path",
    ),
    "the metadata of a cloud": (
        kubeconfig(cluster={"server": "http://169.254.169.254/latest/meta-data"}),
        "cluster 'c' has no server that it may name: 169.254.169.254 is an address of this machine's cloud",
    ),
    "a host that is no name": (
        kubeconfig(cluster={"server": "https://a..b"}),
        "cluster 'c' has no server that can be a name",
    ),
    "a host's other name that is none": (
        kubeconfig(cluster={"tls-server-name": "a..b"}),
        "cluster 'c' has a tls-server-name, but none that can be a name",
    ),
    "a host's other name with a NUL": (
        kubeconfig(cluster={"tls-server-name": "a\0b"}),
        "cluster 'c' has a tls-server-name, but none that can be a name",
    ),
    "a token with its line's end": (
        kubeconfig({"token": "s3cret\n"}),
        "the token holds a line break or another control character",
    ),
    "no base64": (
        kubeconfig(cluster={"certificate-authority-data": "s3cret!"}),
        "certificate-authority-data is not base64",
    ),
    "no authority": (
        kubeconfig(cluster={"certificate-authority-data": "czNjcmV0"}),
        "the certificate authority is no certificate in PEM",
    ),
    "no key": (
        kubeconfig({"client-certificate-data": "czNjcmV0", "client-key-data": "czNjcmV0"}),
        "client-certificate-data and client-key-data are no certificate and its key",
    ),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD.keys())
def test_what_is_wrong_is_named_and_no_value_told(content: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(content)
    assert str(raised.value) == message


async def test_a_name_that_leads_to_the_metadata_of_a_cloud_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(self: Any, host: str, port: int = 0, family: Any = None) -> list[dict[str, Any]]:
        return [{"hostname": host, "host": "169.254.169.254", "port": port, "family": 2, "proto": 0, "flags": 0}]

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolve)
    async with Client(read(kubeconfig(cluster={"server": "http://cluster.example.com"}))) as client:
        with pytest.raises(Unreachable, match=r"cluster.example.com leads to a private address"):
            await client.version()
