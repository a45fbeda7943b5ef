import base64
import datetime as dt
import json
import ssl
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gotk.kube import config, credentials


@pytest.fixture(scope="module")
def certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), private


def kubeconfig(path: Path, *, user: dict | None = None, cluster: dict | None = None, name: str = "here") -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "apps"}}],
        "clusters": [{"name": name, "cluster": {"server": "https://127.0.0.1:6443/"} | (cluster or {})}],
        "users": [{"name": name, "user": user or {}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


async def test_a_token_becomes_a_bearer_header(tmp_path: Path) -> None:
    found = await config.from_kubeconfig([kubeconfig(tmp_path / "config", user={"token": "secret"})])
    assert (found.host, found.namespace, await found.authorization()) == (
        "https://127.0.0.1:6443",
        "apps",
        "Bearer secret",
    )


async def test_a_password_becomes_a_basic_header(tmp_path: Path) -> None:
    found = await config.from_kubeconfig([kubeconfig(tmp_path / "c", user={"username": "me", "password": "it"})])
    assert await found.authorization() == "Basic " + base64.b64encode(b"me:it").decode()


async def test_a_token_file_is_read_relative_to_its_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    found = await config.from_kubeconfig([kubeconfig(tmp_path / "c", user={"tokenFile": "token"})])
    assert await found.authorization() == "Bearer from-file"


async def test_certificates_may_stand_in_the_file_or_beside_it(
    tmp_path: Path, certificate: tuple[bytes, bytes]
) -> None:
    crt, key = certificate
    (tmp_path / "ca.crt").write_bytes(crt)
    (tmp_path / "key.pem").write_bytes(key)
    user = {"client-certificate-data": base64.b64encode(crt).decode(), "client-key": "key.pem"}
    path = kubeconfig(tmp_path / "c", user=user, cluster={"certificate-authority": "ca.crt"})
    found = await config.from_kubeconfig([path])
    context = found.context()
    assert context is not None
    assert context.cert_store_stats()["x509"] == 1


async def test_an_exec_plugin_gives_the_token(tmp_path: Path) -> None:
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "given"}}
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!{sys.executable}\nprint({json.dumps(json.dumps(answer))})\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin)}}
    found = await config.from_kubeconfig([kubeconfig(tmp_path / "c", user=user)])
    assert await found.authorization() == "Bearer given"


@pytest.mark.parametrize(
    ("user", "cluster", "message"),
    [
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/true"}},
         {"certificate-authority": "gone.crt"}, "cannot read the file .*gone.crt"),
        ({"tokenFile": "token"}, {}, "the file .*token holds no token: it is not ASCII"),
    ],
    ids=["an authority that is gone", "a token that is none"],
)  # fmt: skip
async def test_files_that_cannot_be_used_are_named(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any], message: str
) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    with pytest.raises(credentials.ConfigError, match=message):
        await config.from_kubeconfig([kubeconfig(tmp_path / "c", user=user, cluster=cluster)])


async def test_an_exec_plugin_that_fails_is_named(tmp_path: Path) -> None:
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/does/not/exist"}}
    with pytest.raises(credentials.ConfigError, match="credential plugin '/does/not/exist'"):
        await config.from_kubeconfig([kubeconfig(tmp_path / "c", user=user)])


async def test_the_first_of_several_files_wins(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "a", user={"token": "a"}, name="one")
    second = kubeconfig(tmp_path / "b", user={"token": "b"}, name="two")
    assert await (await config.from_kubeconfig([first, second])).authorization() == "Bearer a"
    assert await (await config.from_kubeconfig([first, second], context="two")).authorization() == "Bearer b"


MISTAKES = {
    "no such file": (None, None, "cannot read the kubeconfig"),
    "not YAML": ("a: [", None, "is not valid YAML"),
    "not a mapping": ("- a", None, "holds no mapping"),
    "no context": ("{}", None, "no current-context is set"),
    "unknown context": ("current-context: a", "b", "there is no context named 'b' .there is: none."),
}


@pytest.mark.parametrize(("content", "context", "message"), MISTAKES.values(), ids=MISTAKES)
async def test_a_mistake_names_the_file_and_the_cause(
    tmp_path: Path, content: str | None, context: str | None, message: str
) -> None:
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)
    with pytest.raises(credentials.ConfigError, match=message) as caught:
        await config.from_kubeconfig([path], context=context)
    assert str(path) in str(caught.value)


async def test_a_pod_uses_its_service_account(tmp_path: Path, certificate: tuple[bytes, bytes]) -> None:
    (tmp_path / "token").write_text("pod")
    (tmp_path / "ca.crt").write_bytes(certificate[0])
    (tmp_path / "namespace").write_text("flux-system")
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    found = await config.in_cluster(environ, directory=tmp_path)
    assert found is not None
    assert (found.host, found.namespace, await found.authorization()) == (
        "https://10.0.0.1:443",
        "flux-system",
        "Bearer pod",
    )
    assert isinstance(found.context(), ssl.SSLContext)


async def test_outside_a_pod_there_is_no_service_account(tmp_path: Path) -> None:
    assert await config.in_cluster({}, directory=tmp_path) is None


async def test_credentials_are_never_shown(tmp_path: Path) -> None:
    found = await config.from_kubeconfig([kubeconfig(tmp_path / "config", user={"token": "hidden"})])
    assert "hidden" not in repr(found)
