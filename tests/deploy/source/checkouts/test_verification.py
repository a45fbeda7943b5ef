"""`spec.verify` over commits and tags that the real git signed with the real gpg and ssh-keygen."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pygit2
import pysequoia
import pytest

from gotk.api.source import GitRepository
from gotk.git.mirrors.mirror import Mirror
from gotk.git.objects.seed import seed
from gotk.runtime.errors import Retry, Stalled
from tests.deploy.source.world import MAIN, World, kept, repository, tip
from tests.real import keys

TAGGED = {"tag": "v1.0.0"}
#: The key of somebody who signed nothing here.
OTHER = str(pysequoia.Tsk.generate("other@example.com").extract_certificate()).encode()


@pytest.fixture(scope="module")
def gpg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[keys.Gpg]:
    made = keys.Gpg(tmp_path_factory.mktemp("gnupg") / "home")
    made.key()
    yield made
    made.close()


def ring(gpg: keys.Gpg) -> bytes:
    return gpg.run("--armor", "--export", f"={keys.PERSON}")


def long_id(gpg: keys.Gpg) -> str:
    listed = gpg.run("--with-colons", "--list-keys", f"={keys.PERSON}").decode().splitlines()
    return next(line.split(":")[4] for line in listed if line.startswith("pub:"))


def verifying(origin: Path, mode: str = "HEAD", ref: dict[str, str] = MAIN, **spec: object) -> GitRepository:
    return repository(origin, ref=ref, verify={"mode": mode, "secretRef": {"name": "keys"}}, **spec)


def said(mode: str, tag: str, commit: str, key: str) -> str:
    lines = {
        "Tag": [f"tag '{tag}' with key '{key}'"],
        "HEAD": [f"commit '{commit}' with key '{key}'"],
    }
    return "\n\t- ".join(["verified signature of", *(lines.get(mode) or lines["Tag"] + lines["HEAD"])])


@pytest.mark.real
@pytest.mark.parametrize(("mode", "observed"), [("head", "HEAD"), ("HEAD",) * 2, ("Tag",) * 2, ("TagAndHEAD",) * 2])
@pytest.mark.parametrize("ref", [TAGGED, {"semver": "1.x"}, {"name": "refs/tags/v1.0.0"}], ids=["tag", "range", "name"])
async def test_gpg_signatures_of_commits_and_tags_are_verified(
    world: World, origin: Path, gpg: keys.Gpg, mode: str, observed: str, ref: dict[str, str]
) -> None:
    signer = keys.Signer(origin, gpg=gpg)
    commit, tag = signer.commit(), signer.tag("v1.0.0")
    world.vault.put("keys", **{"any.asc": ring(gpg)})
    ended = await world.run(verifying(origin, mode, ref))
    message = said(observed, f"v1.0.0@{tag}", commit, long_id(gpg))
    assert ended.conditions["SourceVerified"] == ("True", "Succeeded", message)
    assert ended.ready[0] == "True"
    assert ended.obj.status.source_verification_mode == observed
    assert ("Trace", "Succeeded", message) in [event[:3] for event in ended.run.events]


@pytest.mark.real
@pytest.mark.parametrize("kind", keys.SSH)
async def test_ssh_signatures_are_verified(world: World, origin: Path, kind: str) -> None:
    key = keys.SSH[kind]()
    signer = keys.Signer(origin, ssh=keys.pem(key))
    commit, tag = signer.commit(), signer.tag("v1.0.0")
    listed = f'# people\n\n{keys.public(keys.SSH["ed25519"]())}\nnamespaces="git,x" {keys.public(key)} bot\n'
    world.vault.put("keys", **{"people.sshpub": listed.encode()})
    ended = await world.run(verifying(origin, "TagAndHEAD", TAGGED))
    message = said("TagAndHEAD", f"v1.0.0@{tag}", commit, keys.fingerprint(key, origin / "identity.pub"))
    assert ended.conditions["SourceVerified"] == ("True", "Succeeded", message)


@pytest.mark.real
async def test_a_signature_of_nobody_known_keeps_the_artifact_of_before(
    world: World, origin: Path, gpg: keys.Gpg
) -> None:
    keys.Signer(origin, gpg=gpg).commit()
    world.vault.put("keys", people=ring(gpg))
    first = await world.run(verifying(origin))
    commit = keys.Signer(origin, ssh=keys.pem(keys.SSH["ed25519"]())).commit()
    for data, cause in (
        (
            {"people": ring(gpg)},
            "SSH signature detected but no SSH public keys found in secret (keys with .sshpub suffix)",
        ),
        (
            {"a.sshpub": keys.public(keys.SSH["rsa"]()).encode()},
            (
                "unable to verify Git commit SSH signature: unable to verify payload with any of the given authorized "
                "keys: no matching key\npublic key does not match"
            ),
        ),
        (
            {"a.sshpub": b"ssh-dss AAAA"},
            (
                "unable to verify Git commit SSH signature: unable to parse authorized keys: "
                "unable to parse authorized key: ssh: no key found"
            ),
        ),
    ):
        world.vault.put("keys", **data)
        failed = await world.run(first.obj)
        message = f"signature verification of commit '{commit}' failed: {cause}"
        assert failed.conditions["SourceVerified"] == ("False", "InvalidCommitSignature", message)
        assert failed.ready == ("False", "InvalidCommitSignature", message)
        assert failed.conditions["ArtifactInStorage"][0] == "True"
        assert kept(failed) == kept(first)
        assert isinstance(failed.error, Retry)
        assert failed.error.after == 60.0


@pytest.mark.real
async def test_a_key_that_is_not_there_expired_or_was_revoked_verifies_nothing(
    world: World, origin: Path, tmp_path: Path
) -> None:
    gpg = keys.Gpg(tmp_path / "gnupg")
    try:
        long_ago = ("--passphrase", "", "--faked-system-time", "20200101T000000")
        gpg.run(*long_ago, "--quick-gen-key", keys.PERSON, "ed25519", "sign", "1y")
        (origin / "gpg").write_text('#!/bin/sh\nexec gpg --faked-system-time 20200601T000000 "$@"\n')
        (origin / "gpg").chmod(0o700)
        signer = keys.Signer(origin, gpg=gpg)
        signer.run("config", "gpg.program", str(origin / "gpg"))
        commit = signer.commit()
        expired = ring(gpg)
    finally:
        gpg.close()
    none = "unable to verify payload with any of the given key rings: no matching key"
    unarmored = "unable to read armored key ring: openpgp: invalid argument: no armored data found"
    for data, cause in ((expired, none), (b"nothing", unarmored), (b"", unarmored), (OTHER, none)):
        world.vault.put("keys", ring=data)
        ended = await world.run(verifying(origin))
        message = f"signature verification of commit '{commit}' failed: unable to verify Git commit: {cause}"
        assert ended.ready[:2] == ("False", "InvalidCommitSignature")
        assert ended.ready[2].startswith(message)
        assert ended.obj.status.artifact is None


async def test_what_was_never_signed_is_told(world: World, origin: Path) -> None:
    pygit2.Repository(str(origin)).references.create("refs/tags/light", tip(origin))
    who = pygit2.Signature("a", "a@b", 0, 0)
    tag = pygit2.Repository(str(origin)).create_tag("v1.0.0", tip(origin), pygit2.enums.ObjectType.COMMIT, who, "one")
    world.vault.put("keys", ring=OTHER)
    unsigned = "cannot verify signature of tag '{}' since it is not signed"
    for obj, reason, message in (
        (
            verifying(origin),
            "InvalidCommitSignature",
            f"signature verification of commit '{tip(origin)}' failed: unsupported signature type: empty",
        ),
        (verifying(origin, "Tag", TAGGED), "InvalidGitObject", unsigned.format(f"v1.0.0@{tag}")),
        (verifying(origin, "TagAndHEAD", {"tag": "light"}), "InvalidGitObject", unsigned.format("light")),
        (
            verifying(origin, "Tag", {"name": "refs/tags/v1.0.0", "commit": tip(origin)}),
            "InvalidGitObject",
            unsigned.format("v1.0.0"),
        ),
    ):
        ended = await world.run(obj)
        assert ended.ready == ("False", reason, message)
        assert isinstance(ended.error, Retry)


async def test_a_tag_can_only_be_verified_where_one_is_followed(world: World, origin: Path) -> None:
    world.vault.put("keys", ring=OTHER)
    ended = await world.run(verifying(origin, "Tag"))
    message = "cannot verify tag object's signature if a tag reference is not specified"
    assert isinstance(ended.error, Stalled)
    assert ended.conditions["SourceVerified"] == ("False", "InvalidVerificationMode", message)
    assert ended.ready == ("False", "InvalidVerificationMode", message)


async def test_keys_that_are_not_there_are_looked_for_again(world: World, origin: Path) -> None:
    ended = await world.run(verifying(origin))
    message = 'public keys secret error: secrets "keys" not found'
    assert ended.conditions["SourceVerified"] == ("False", "VerificationError", message)
    assert isinstance(ended.error, Retry)
    assert ended.error.after is None


@pytest.mark.real
async def test_it_is_done_again_only_when_more_is_asked_for(world: World, origin: Path, gpg: keys.Gpg) -> None:
    signer = keys.Signer(origin, gpg=gpg)
    signer.commit()
    signer.tag("v1.0.0")
    world.vault.put("keys", ring=ring(gpg))
    first = await world.run(verifying(origin, "Tag", TAGGED))
    del world.vault.secrets["keys"]
    assert (await world.run(first.obj)).ready[0] == "True"
    more = msgspec.structs.replace(first.obj, spec=verifying(origin, "TagAndHEAD", TAGGED).spec)
    assert (await world.run(more)).ready[1] == "VerificationError"
    none = msgspec.structs.replace(first.obj, spec=repository(origin, ref=TAGGED).spec)
    ended = await world.run(none)
    assert "SourceVerified" not in ended.conditions
    assert ended.obj.status.source_verification_mode is None
    ranged = msgspec.structs.replace(first.obj, spec=verifying(origin, "Tag", {"semver": "1.x"}).spec)
    assert (await world.run(ranged)).ready[1] == "VerificationError"


async def test_a_remote_that_lies_about_where_a_tag_leads_is_not_believed(
    world: World, origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = pygit2.Signature("a", "a@b", 0, 0)
    pygit2.Repository(str(origin)).create_tag("v1.0.0", tip(origin), pygit2.enums.ObjectType.COMMIT, who, "one")
    evil = seed(origin, {"app.yaml": "evil\n"})
    bring = Mirror.bring
    monkeypatch.setattr(Mirror, "bring", lambda mirror, ref: msgspec.structs.replace(bring(mirror, ref), commit=evil))
    ended = await world.run(repository(origin, ref=TAGGED))
    assert ended.ready[1] == "GitOperationFailed"
    assert f"the remote says that it leads to '{evil}'" in ended.ready[2]
