"""Signed commits, looked at by the real `git verify-commit`; and what the condition says where no key fits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from tests.image_automation.automating import World, automation, git_spec, secret
from tests.real import keys


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.limiter.close()


@pytest.fixture
def gpg(tmp_path: Path) -> Iterator[keys.Gpg]:
    made = keys.Gpg(tmp_path / "gnupg")
    yield made
    made.close()


def signing(kind: str | None = None) -> dict[str, object]:
    key: dict[str, object] = {"secretRef": {"name": "signer"}, **({"type": kind} if kind else {})}
    return git_spec(commit={"author": {"email": keys.PERSON, "name": "Bot"}, "signingKey": key})


async def signed(world: World, data: dict[str, bytes], kind: str | None = None) -> str:
    """Let the automation commit with this key and return the commit."""
    world.store.put(secret("signer", data))
    ended = await world.run(automation(git=signing(kind)))
    assert ended.ready == ("True", "Succeeded", "repository up-to-date")
    return world.head()


@pytest.mark.real
class TestGpg:
    @pytest.mark.parametrize("algorithm", ["ed25519", "nistp256", "rsa2048"])
    async def test_the_real_git_believes_the_signature(self, world: World, gpg: keys.Gpg, algorithm: str) -> None:
        commit = await signed(world, {"git.asc": gpg.key(algorithm=algorithm)})
        assert "GOODSIG" in keys.verify(world.remote, commit, gpg=gpg)

    async def test_a_locked_key_signs_with_its_passphrase(self, world: World, gpg: keys.Gpg) -> None:
        data = {"git.asc": gpg.key(passphrase="s3crët"), "passphrase": "s3crët".encode()}
        assert "GOODSIG" in keys.verify(world.remote, await signed(world, data, "gpg"), gpg=gpg)

    async def test_a_passphrase_that_nothing_needs_does_no_harm(self, world: World, gpg: keys.Gpg) -> None:
        data = {"git.asc": gpg.key(), "passphrase": b"left over"}
        assert "GOODSIG" in keys.verify(world.remote, await signed(world, data), gpg=gpg)

    async def test_a_subkey_signs_where_the_primary_key_only_certifies(self, world: World, gpg: keys.Gpg) -> None:
        gpg.run("--passphrase", "", "--quick-gen-key", keys.PERSON, "ed25519", "cert", "never")
        listed = gpg.run("--with-colons", "--list-keys").decode().splitlines()
        fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))
        gpg.run("--passphrase", "", "--quick-add-key", fingerprint, "ed25519", "sign", "never")
        commit = await signed(world, {"git.asc": gpg.run("--armor", "--export-secret-subkeys", fingerprint)})
        assert "GOODSIG" in keys.verify(world.remote, commit, gpg=gpg)

    async def test_the_key_is_unambiguous(self, world: World, gpg: keys.Gpg) -> None:
        gpg.key("one")
        gpg.key("two")
        assert await refused(world, {"git.asc": gpg.export()}) == (
            "multiple entities read from secret 'signer', could not determine which signing key to use"
        )

    async def test_a_locked_key_needs_its_passphrase(self, world: World, gpg: keys.Gpg) -> None:
        locked = gpg.key(passphrase="s3cret")
        assert await refused(world, {"git.asc": locked}) == (
            "can not use passphrase protected signing key without 'passphrase' field present in secret signer"
        )
        assert await refused(world, {"git.asc": locked, "passphrase": b"no"}) == (
            "could not read signing key from secret 'signer': the passphrase does not fit"
        )

    async def test_a_public_key_cannot_sign(self, world: World, gpg: keys.Gpg) -> None:
        gpg.key()
        assert "it holds no private key that may sign" in await refused(
            world, {"git.asc": gpg.run("--armor", "--export")}
        )


@pytest.mark.real
class TestSsh:
    @pytest.mark.parametrize(
        ("kind", "form", "passphrase"),
        [
            *(pytest.param(kind, "OpenSSH", None, id=kind) for kind in keys.SSH),
            *(pytest.param(kind, "PKCS8", None, id=f"{kind} in PKCS 8") for kind in ("ed25519", "ecdsa p384", "rsa")),
            pytest.param("rsa", "TraditionalOpenSSL", None, id="rsa in PKCS 1"),
            pytest.param("ed25519", "OpenSSH", b"s3cret", id="locked"),
            pytest.param("rsa", "TraditionalOpenSSL", b"s3cret", id="locked as PEM"),
        ],
    )
    async def test_the_real_git_believes_the_signature(
        self, world: World, kind: str, form: str, passphrase: bytes | None
    ) -> None:
        key, signers = keys.SSH[kind](), world.folder / "signers"
        signers.write_text(f'{keys.PERSON} namespaces="git" {keys.public(key)}\n')
        data = {"identity": keys.pem(key, form, passphrase), **({"password": passphrase} if passphrase else {})}
        commit = await signed(world, data, "ssh")
        assert f'Good "git" signature for {keys.PERSON}' in keys.verify(world.remote, commit, signers=signers)

    async def test_another_s_signature_is_not_believed(self, world: World) -> None:
        signers = world.folder / "signers"
        signers.write_text(f"{keys.PERSON} {keys.public(keys.SSH['ed25519']())}\n")
        commit = await signed(world, {"identity": keys.pem(keys.SSH["ed25519"]())}, "ssh")
        assert keys.verify(world.remote, commit, signers=signers) == ""


SEALED = keys.pem(keys.SSH["ed25519"](), passphrase=b"opened")
SHORT = keys.pem(rsa.generate_private_key(65537, 1024))
DSA = keys.pem(dsa.generate_private_key(1024), "PKCS8")
STRANGE = keys.pem(ec.generate_private_key(ec.SECP256K1()), "PKCS8")


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        pytest.param(None, {}, "signing key secret 'signer' does not contain a 'git.asc' key", id="no gpg key"),
        pytest.param("ssh", {}, "signing key secret 'signer' does not contain an 'identity' key", id="no ssh key"),
        pytest.param(
            "ssh",
            {"identity": SEALED},
            "can not use passphrase protected signing key without 'password' field present in secret signer",
            id="a locked ssh key",
        ),
        pytest.param(
            "ssh",
            {"identity": SEALED, "password": b"no"},
            "could not parse SSH signing key from secret 'signer': the passphrase does not fit, or it is damaged",
            id="a wrong passphrase",
        ),
        pytest.param(
            "ssh",
            {"identity": SHORT},
            "could not parse SSH signing key from secret 'signer': its RSA key has 1024 bits; use 2048 or more",
            id="a short rsa key",
        ),
        pytest.param(
            "ssh",
            {"identity": DSA},
            "could not parse SSH signing key from secret 'signer': "
            "its type is not supported; use ed25519, ecdsa (p256, p384, p521) or rsa",
            id="a dsa key",
        ),
        pytest.param(
            "ssh",
            {"identity": STRANGE},
            "could not parse SSH signing key from secret 'signer': "
            "its type is not supported; use ed25519, ecdsa (p256, p384, p521) or rsa",
            id="a curve that SSH does not know",
        ),
        pytest.param(
            "ssh",
            {"identity": b"s3cret"},
            "could not parse SSH signing key from secret 'signer': it is not a private key",
            id="no key at all",
        ),
        pytest.param(
            "gpg",
            {"git.asc": b"s3cret"},
            "could not read signing key from secret 'signer': it is not an armored OpenPGP key (unexpected EOF)",
            id="no gpg key at all",
        ),
    ],
)
async def test_what_is_wrong_with_a_key_is_said(
    world: World, kind: str | None, data: dict[str, bytes], message: str
) -> None:
    assert await refused(world, data, kind) == message


async def test_a_missing_secret_is_named(world: World) -> None:
    ended = await world.run(automation(git=signing()))
    assert ended.ready[1] == "SourceManagerFailed"
    assert "could not find signing key secret 'signer'" in ended.ready[2]


async def refused(world: World, data: dict[str, bytes], kind: str | None = None) -> str:
    """Let the automation fail at this key, and return why."""
    world.store.put(secret("signer", data))
    ended = await world.run(automation(git=signing(kind)))
    status, reason, message = ended.ready
    assert (status, reason) == ("False", "SourceManagerFailed")
    assert world.head() == world.first
    return message.removeprefix("failed configuring source manager: ")
