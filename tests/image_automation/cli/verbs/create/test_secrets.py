"""`create secret …` as flux prints them, what they refuse, and that nobody is shown what they hold."""

import base64
from pathlib import Path

import pytest

from tests.image_automation.cli.test_cluster_verbs import Terminal, terminal
from tests.image_automation.cli.verbs.create.said import Said, export, refuse
from tests.real import authority, keys

__all__ = ["terminal"]
POLICY = (
    '{"version": "1.0", "trustPolicies": [{"name": "one", "registryScopes": ["*"], "signatureVerification":'
    ' {"level": "strict"}, "trustStores": ["ca:one"], "trustedIdentities": ["*"]}]}'
)


def body(said: Said) -> list[str]:
    """The lines below the metadata's name and namespace."""
    head, _, rest = said.out.partition("  namespace: flux-system\n")
    assert head.startswith("---\napiVersion: v1\nkind: Secret\nmetadata:\n")
    return rest.splitlines()


def pair(folder: Path) -> tuple[Path, Path]:
    files = written(folder, **{name: text.decode() for name, text in authority.client().items()})
    return files["tls.crt"], files["tls.key"]


def written(folder: Path, **texts: str) -> dict[str, Path]:
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {name: folder / name for name in texts}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("git", "a", "--url=https://x/y", "-u=jane", "-p=hush"),
            ["stringData:", "  password: hush", "  username: jane"],
        ),
        (("git", "a", "--url=http://x/y", "--bearer-token=hush"), ["stringData:", "  bearerToken: hush"]),
        (
            ("helm", "ab", "--username=jane", "--password=hush"),
            ["stringData:", "  password: hush", "  username: jane", "type: kubernetes.io/basic-auth"],
        ),
        (
            ("oci", "ab", "--url=ghcr.io", "--username=stefanprodan", "--password=password"),
            ["stringData:", "  .dockerconfigjson: |-", "    {", '      "auths": {', '        "ghcr.io": {',
             '          "username": "stefanprodan",', '          "password": "password",',
             '          "auth": "c3RlZmFucHJvZGFuOnBhc3N3b3Jk"', "        }", "      }", "    }",
             "type: kubernetes.io/dockerconfigjson"],
        ),
        (
            ("proxy", "ab", "--address=https://my-proxy.com", "--username=jane", "--password=hush"),
            ["stringData:", "  address: https://my-proxy.com", "  password: hush", "  username: jane", "type: Opaque"],
        ),
    ],
    ids=["git", "git with a token", "helm", "oci", "proxy"],
)  # fmt: skip
def test_credentials(arguments: tuple[str, ...], expected: list[str], capsys: pytest.CaptureFixture[str]):
    assert body(export(capsys, "secret", *arguments)) == expected


def test_an_authority_goes_with_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    ca = written(tmp_path, ca="authority\n")["ca"]
    git = export(capsys, "secret", "git", "ab", "--url=https://x/y", "-u", "u", "-p", "p", f"--ca-crt-file={ca}")
    assert body(git)[:3] == ["stringData:", "  ca.crt: |", "    authority"]
    helm = export(capsys, "secret", "helm", "ab", "-u", "u", "-p", "p", f"--ca-file={ca}")
    assert body(helm)[:3] == ["stringData:", "  ca.crt: |", "    authority"]
    assert body(helm)[-1] == "type: kubernetes.io/basic-auth"
    assert body(export(capsys, "secret", "tls", "ab", f"--ca-crt-file={ca}"))[-1] == "type: Opaque"


def test_a_certificate_and_its_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    crt, key = pair(tmp_path)
    said = export(capsys, "secret", "tls", "ab", f"--tls-crt-file={crt}", f"--tls-key-file={key}", "--label=a=b")
    assert [line for line in body(said) if not line.startswith("    ")] == [
        "stringData:", "  tls.crt: |", "  tls.key: |", "type: kubernetes.io/tls",
    ]  # fmt: skip
    assert "  labels:\n    a: b\n" in said.out
    older = export(capsys, "secret", "helm", "ab", f"--cert-file={crt}", f"--key-file={key}")
    assert body(older) == body(said)


def test_a_github_app(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    key = written(tmp_path, key="PEM\n")["key"]
    said = export(
        capsys, "secret", "githubapp", "app", "--app-id=1", "--app-installation-id=2", f"--app-private-key={key}",
        "--app-base-url=https://github.example.com/api/v3",
    )  # fmt: skip
    assert body(said) == [
        "stringData:", "  githubAppBaseURL: https://github.example.com/api/v3", '  githubAppID: "1"',
        '  githubAppInstallationID: "2"', "  githubAppPrivateKey: |", "    PEM", "type: Opaque",
    ]  # fmt: skip


def test_a_receivers_token_and_the_address_that_follows_from_it(capsys: pytest.CaptureFixture[str]):
    flux = ("secret", "receiver", "receiver-secret", "-n", "my-namespace", "--hostname=flux.example.com")
    said = export(capsys, *flux, "--type=github", "--token=test-token")
    assert said.out == (
        "---\napiVersion: v1\nkind: Secret\nmetadata:\n  annotations:\n"
        "    notification.toolkit.fluxcd.io/webhook: https://flux.example.com/hook/"
        "106120121d366c2f67e93200f6c1dbe938235eb588daa5e8c0516d3a77ac1dee\n"
        "  name: receiver-secret\n  namespace: my-namespace\nstringData:\n  token: test-token\n"
    )
    tokens = {export(capsys, *flux, "--type=github").out.rpartition("token: ")[2] for _ in range(2)}
    assert [len(token.strip('"\n')) for token in tokens] == [64, 64]
    gcr = export(capsys, *flux, "--type=gcr", "--token=test-token", "--email-claim=sa@p.iam")
    assert gcr.out.partition("stringData:\n")[2] == (
        "  audience: https://flux.example.com/hook/106120121d366c2f67e93200f6c1dbe938235eb588daa5e8c0516d3a77ac1dee\n"
        "  email: sa@p.iam\n  token: test-token\n"
    )
    own = export(capsys, *flux, "--type=gcr", "--token=t", "--email-claim=sa@p.iam", "--audience-claim=https://me")
    assert "  audience: https://me\n" in own.out


def test_trust_in_notation_is_for_flux(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    files = written(tmp_path, **{"policy": POLICY, "ca.crt": "one", "ca.pem": "two"})
    said = export(
        capsys, "secret", "notation", "config", f"--trust-policy-file={files['policy']}",
        f"--ca-cert-file={files['ca.crt']},{files['ca.pem']}",
    )  # fmt: skip
    assert body(said)[:3] == ["stringData:", "  ca.crt: one", "  ca.pem: two"]
    assert body(said)[3].startswith("  trustpolicy.json: ")
    assert said.err == "⚠️ this service verifies signatures of cosign alone: the Secret is for Flux\n"


def test_keys_for_decryption(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    files = written(tmp_path, age="AGE-SECRET-KEY-1\n", gpg="PGP\n")
    said = export(capsys, "secret", "sops", "age", f"--age-key-file={files['age']}", f"--gpg-key-file={files['gpg']}")
    assert body(said) == [
        "stringData:", "  46334194.asc: |", "    PGP", "  680854591.agekey: |", "    AGE-SECRET-KEY-1", "type: Opaque",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("git",), "name is required"),
        (("git", "ab"), "url is required"),
        (("git", "ab", "--url=ftp://x/y"), "git URL scheme 'ftp' not supported, can be: ssh, http and https"),
        (
            ("git", "ab", "--url=https://x/y", "--username=u"),
            "for Git over HTTP/S the username and password, or a bearer token is required",
        ),
        (
            ("git", "ab", "--url=https://x/y", "--username=u", "--password=p", "--bearer-token=t"),
            "user credentials and bearer token cannot be used together",
        ),
        (
            ("git", "ab", "--url=ssh://x/y", "--ssh-key-algorithm=dsa"),
            "unsupported public key algorithm 'dsa', must be one of: rsa, ecdsa, ed25519",
        ),
        (
            ("git", "ab", "--url=ssh://x/y", "--ssh-ecdsa-curve=p1"),
            "unsupported curve 'p1', must be one of: p256, p384, p521",
        ),
        (("git", "ab", "--url=ssh://x/y", "--ssh-rsa-bits=512"), "RSA key bit size must be at least 1024"),
        (("git", "ab", "--url=ssh://x/y", "--ssh-rsa-bits=1025"), "RSA key bit size must be a multiples of 8"),
        (
            ("git", "ab", "--url=ssh://x/y", "--password=p"),
            "--password opens the key of --private-key-file, which is not given",
        ),
        (
            ("git", "ab", "--url=ssh://x/y", "--private-key-file=/none"),
            "unable to read private key file: open /none: no such file or directory",
        ),
        (("githubapp", "ab"), "--app-id is required"),
        (("githubapp", "ab", "--app-id=1"), "--app-private-key is required"),
        (
            ("githubapp", "ab", "--app-id=1", "--app-private-key=/none"),
            "exactly one of --app-installation-owner or --app-installation-id must be provided",
        ),
        (
            ("helm", "ab"),
            "credentials are required: --username and --password, a certificate with its key, or --ca-crt-file",
        ),
        (("helm", "ab", "--username=u"), "password is required"),
        (("helm", "ab", "--password=p"), "username is required"),
        (("helm", "ab", "--tls-crt-file=/none"), "--tls-crt-file and --tls-key-file go together"),
        (
            ("tls", "ab"),
            "a certificate is required: --tls-crt-file and --tls-key-file, or --ca-crt-file, or both",
        ),
        (("tls", "ab", "--ca-crt-file=/none"), "unable to read TLS CA file: open /none: no such file or directory"),
        (("oci", "ab"), "--url is required"),
        (("oci", "ab", "--url=ghcr.io"), "--username is required"),
        (("oci", "ab", "--url=ghcr.io", "--username=u"), "--password is required"),
        (
            ("oci", "ab", "--url=https://ghcr.io", "--username=u", "--password=p"),
            "error parsing url: 'image 'https://ghcr.io' should not include URL scheme; remove 'https://''",
        ),
        (("proxy", "ab"), "address is required"),
        (("notation", "ab"), "--ca-cert-file is required"),
        (("notation", "ab", "--ca-cert-file=a.crt"), "--trust-policy-file is required"),
        (
            ("notation", "ab", "--ca-cert-file=a.txt", "--trust-policy-file=/none"),
            "a.txt must end with either .crt or .pem",
        ),
        (("receiver", "ab"), "--type is required"),
        (("receiver", "ab", "--type=github"), "--hostname is required"),
        (("receiver", "ab", "--type=gcr", "--hostname=h"), "--email-claim is required for gcr receiver type"),
        (
            ("receiver", "ab", "--type=quay", "--hostname=h", "--email-claim=e"),
            "--email-claim and --audience-claim are for --type=gcr",
        ),
        (("sops", "ab"), "a key is required: --age-key-file or --gpg-key-file"),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_named(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    assert refuse(capsys, "secret", *arguments) == f"✗ {message}"


def test_a_key_that_is_another_certificates_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    crt, _ = pair(tmp_path)
    key = written(tmp_path, other=keys.pem(keys.SSH["rsa"](), "PKCS8").decode())["other"]
    said = refuse(capsys, "secret", "tls", "ab", f"--tls-crt-file={crt}", f"--tls-key-file={key}")
    assert said == "✗ invalid TLS certificate and key pair: the key is not that of the certificate"
    said = refuse(capsys, "secret", "tls", "ab", f"--tls-crt-file={key}", f"--tls-key-file={key}")
    assert said == "✗ invalid TLS certificate and key pair: both must be PEM, and the key not encrypted"


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("{", "it is no JSON: "),
        ("[]", "its version must be 1.0"),
        ('{"version": "1.0"}', "it has no trustPolicies"),
        ('{"version": "1.0", "trustPolicies": [1]}', "a policy has no name"),
        (POLICY.replace('"registryScopes": ["*"], ', ""), "policy one has no registryScopes"),
        (POLICY.replace("strict", "lax"), "policy one has no signatureVerification.level of strict, permissive,"),
        (POLICY.replace('"trustedIdentities": ["*"]', '"a": 1'), "policy one needs trustStores and trustedIdentities"),
        (POLICY.replace("}]}", "}, " + POLICY.partition("[")[2]), "two policies are named one"),
    ],
)
def test_a_trust_policy_that_means_nothing_is_refused(
    policy: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    files = written(tmp_path, **{"policy": policy, "ca.crt": "one"})
    said = refuse(
        capsys,
        "secret",
        "notation",
        "ab",
        f"--trust-policy-file={files['policy']}",
        f"--ca-cert-file={files['ca.crt']}",
    )
    assert said.startswith(f"✗ invalid trust policy: {message}")


def test_what_may_be_secret_is_in_no_complaint(capsys: pytest.CaptureFixture[str]):
    for arguments in (
        ("git", "ab", "--url=ssh://x/y", "--password=hush", "--ssh-key-algorithm=dsa"),
        ("git", "ab", "hush", "--url=https://x/y"),
        ("helm", "ab", "--password=hush"),
        ("oci", "ab", "--url=a", "--password=hush"),
        ("receiver", "ab", "--token=hush"),
        ("tls", "ab", "--pasword=hush"),
    ):
        assert "hush" not in refuse(capsys, "secret", *arguments)


async def test_a_secret_is_made_and_added_to(terminal: Terminal) -> None:
    git = ("create", "secret", "git", "auth", "--url=https://x/y")
    made = await terminal.run(*git, "-u=jane", "-p=hush", "--label=a=b")
    assert (made.code, made.out) == (0, "")
    assert made.err == "► git secret 'auth' created in 'flux-system' namespace\n"
    again = await terminal.run(*git, "-u=jane", "--password=-", "--label=c=d", stdin="quiet\n")
    assert again.err == "► git secret 'auth' updated in 'flux-system' namespace\n"
    secret = await terminal.client.get_object("v1", "Secret", "flux-system", "auth")
    assert secret["metadata"]["labels"] == {"a": "b", "c": "d"}
    assert {key: base64.b64decode(value).decode() for key, value in secret["data"].items()} == {
        "password": "quiet", "username": "jane",
    }  # fmt: skip
    nobody = await terminal.run(*git, "-u=jane", "--password=-")
    assert (nobody.code, nobody.err) == (
        1, "✗ --password=- reads stdin, which is empty or was read for another flag\n"
    )  # fmt: skip
