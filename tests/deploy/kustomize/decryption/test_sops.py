"""The real sops, confined: what comes out, and what is told when nothing does."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pysequoia
import pytest
import uvloop

from deploy.kustomize.decryption import keys, sops
from deploy.kustomize.decryption.formats import Format
from deploy.kustomize.decryption.keys import Keys
from deploy.kustomize.decryption.services import NoServices
from deploy.kustomize.decryption.sops import DecryptionError, Sops
from gotk.sandbox.confinement import Confinement
from tests.deploy.kustomize.decryption import encrypting
from tests.deploy.kustomize.decryption.encrypting import AGE_KEY, OTHER_KEY, RECIPIENT, needs_sops

pytestmark = [pytest.mark.real, needs_sops]

PGP = pysequoia.Tsk.generate("Tester <t@example.com>")
BOTH = keys.read({"a.agekey": AGE_KEY.encode(), "b.asc": str(PGP).encode()}, "Secret 'apps/sops'")
WRONG = keys.read({"a.agekey": OTHER_KEY.encode()}, "Secret 'apps/sops'")
VALUE = "hunter2-is-not-told"
NO_MAC = b"ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]"


class Starts:
    """Starts programs as the service does, and remembers with what."""

    def __init__(self) -> None:
        self.commands: list[Sequence[str]] = []
        self.network = False

    def __call__(self, confinement: Confinement, command: Sequence[str]) -> Sequence[str]:
        self.commands.append(command)
        self.network |= confinement.network
        return confinement.command(command)


@pytest.fixture
def starts() -> Starts:
    return Starts()


@pytest.fixture
def program(tmp_path: Path, starts: Starts) -> Iterator[Sops]:
    yield Sops(find=sops.find_command, scratch=tmp_path, confine=starts, opens=NoServices())
    assert list(tmp_path.iterdir()) == []


async def decrypt(
    program: Sops, data: bytes, found: Keys = BOTH, kind: Format = "yaml", to: Format | None = None
) -> bytes:
    return await program.decrypt(data, found, given=kind, wanted=to or kind, timeout=60)


DOCUMENTS: Mapping[str, tuple[Format, bytes]] = {
    "yaml": ("yaml", f"a:\n    - {VALUE}\n    - 1\n    - true\n".encode()),
    "json": ("json", b'{\n\t"a": "b",\n\t"n": 1.5\n}'),
    "variables": ("dotenv", f"A={VALUE}\nB=two words\n".encode()),
    "an ini file": ("ini", b"[s]\na = b\n"),
    "bytes": ("binary", bytes(range(256))),
}


@pytest.mark.parametrize(("kind", "plain"), DOCUMENTS.values(), ids=DOCUMENTS)
async def test_each_format_comes_out_as_it_went_in(kind: Format, plain: bytes, program: Sops, starts: Starts) -> None:
    assert (await decrypt(program, encrypting.encrypt(plain, kind), kind=kind)).strip() == plain.strip()
    assert not starts.network


async def test_a_key_of_pgp_needs_neither_gpg_nor_a_keyring(program: Sops) -> None:
    assert VALUE in (await decrypt(program, encrypting.encrypt_pgp(encrypting.SECRET, PGP))).decode()


def test_it_works_on_the_loop_of_the_service(tmp_path: Path) -> None:
    program = Sops(find=sops.find_command, scratch=tmp_path, confine=Confinement.command, opens=NoServices())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(decrypt(program, encrypting.encrypt("a: b\n"))) == b"a: b\n"


async def test_one_of_several_recipients_is_enough(program: Sops) -> None:
    data = encrypting.encrypt("a: b\n", recipient=f"{sops_recipient()},{RECIPIENT}")
    assert await decrypt(program, data) == b"a: b\n"


def sops_recipient() -> str:
    return WRONG.names[0]


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if not path.is_symlink() and path.is_file()]


def descriptors() -> list[str]:
    return sorted(str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink())


async def test_no_key_is_in_an_argument_the_environment_or_a_file(
    program: Sops, starts: Starts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: list[str] = []

    async def spy(command: Sequence[str], **options: object) -> sops.program.Ended:
        given.append(repr((command, options["env"], options["cwd"], contents(tmp_path))))
        return await run(command, **options)  # type: ignore[arg-type]

    run = sops.program.run
    monkeypatch.setattr(sops.program, "run", spy)
    before = descriptors()
    await decrypt(program, encrypting.encrypt_pgp(encrypting.SECRET, PGP))
    assert descriptors() == before
    (seen,) = given
    assert "SECRET-KEY" not in seen
    assert AGE_KEY not in seen
    assert re.search(r"'SOPS_AGE_KEY_FILE': '/proc/self/fd/\d+'", seen)
    assert "[]" in seen


async def test_what_was_decrypted_is_remembered_for_these_keys_only(program: Sops, starts: Starts) -> None:
    data = encrypting.encrypt("a: b\n")
    assert await decrypt(program, data) == await decrypt(program, data)
    assert len(starts.commands) == 1
    await decrypt(program, data, to="json")
    assert len(starts.commands) == 2
    with pytest.raises(DecryptionError):
        await decrypt(program, data, WRONG)


ENCRYPTED = encrypting.manifest().encode() if encrypting.SOPS else b""


def replaced(pattern: bytes, by: bytes) -> bytes:
    changed = re.sub(pattern, by, ENCRYPTED)
    assert changed != ENCRYPTED or not ENCRYPTED
    return changed


TREE, LOAD = "error decrypting sops tree: ", "failed to load encrypted data"
BAD: Mapping[str, tuple[bytes, Format, str]] = {
    "a value that was changed": (replaced(rb"data:..", b"data:AA"), "yaml", f"{TREE}a value was changed or moved"),
    "a value in another place": (replaced(rb"password:", b"passport:"), "yaml", f"{TREE}a value was changed or moved"),
    "a value that was never encrypted": (replaced(rb"(password): .*", rb"\1: " + VALUE.encode()), "yaml", TREE),
    "no metadata": (ENCRYPTED[: ENCRYPTED.find(b"sops:")], "yaml", f"{LOAD}: there is no sops metadata"),
    "a time that is none": (replaced(rb"lastmodified: .*", b"lastmodified: later"), "yaml", LOAD),
    "a document that is cut": (ENCRYPTED[: len(ENCRYPTED) * 2 // 3], "yaml", ""),
    "YAML that is called JSON": (ENCRYPTED, "json", f"{LOAD}: it is not of its format"),
    "YAML that is called variables": (ENCRYPTED, "dotenv", f"{LOAD}: it is not of its format"),
    "YAML that is called an ini file": (ENCRYPTED, "ini", f"{LOAD}: it is not of its format"),
    "nothing": (b"", "yaml", LOAD),
}


@pytest.mark.parametrize(("data", "kind", "told"), BAD.values(), ids=BAD)
async def test_a_bad_document_is_an_error_that_quotes_nothing(
    data: bytes, kind: Format, told: str, program: Sops
) -> None:
    with pytest.raises(DecryptionError) as raised:
        await decrypt(program, data, kind=kind)
    said = str(raised.value)
    assert said.startswith(told)
    assert VALUE not in said
    assert "AES256" not in said


async def test_the_mac_is_not_compared_as_in_flux(program: Sops) -> None:
    plain = await decrypt(program, replaced(rb"    mac: .*", b"    mac: " + NO_MAC))
    assert VALUE in plain.decode()


KMS = b"""sops:
    kms:
        - arn: arn:aws:kms:eu-west-1:1:key/x
          enc: AAAA
          created_at: '2026-01-01T00:00:00Z'
    lastmodified: '2026-01-01T00:00:00Z'
    version: 3.11.0
    mac: %s
"""
NO_KEY = {
    "another key": (WRONG, f"Secret 'apps/sops' holds only {WRONG.names[0]}: add a key that fits, or encrypt for"),
    "no key in the Secret": (Keys(holder="Secret 'apps/sops'"), "Secret 'apps/sops' holds no key: add one as *.agekey"),
    "no Secret": (Keys(), "no key is configured: name a Secret with one in spec.decryption.secretRef"),
}


@pytest.mark.parametrize(("found", "advice"), NO_KEY.values(), ids=NO_KEY)
async def test_a_key_that_does_not_fit_is_told_with_the_recipient(found: Keys, advice: str, program: Sops) -> None:
    with pytest.raises(DecryptionError) as raised:
        await decrypt(program, ENCRYPTED, found)
    said = str(raised.value)
    assert said.startswith(f"cannot get sops data key: it is encrypted for age {RECIPIENT}; {advice}")


async def test_a_huge_document_is_not_even_tried(program: Sops, starts: Starts) -> None:
    with pytest.raises(DecryptionError, match=r"^cannot decrypt 5242881 bytes, more than 5242880$"):
        await decrypt(program, b"x" * (sops.LARGEST + 1))
    assert starts.commands == []


async def test_keys_of_clouds_lead_to_no_network(program: Sops, starts: Starts) -> None:
    data = ENCRYPTED[: ENCRYPTED.find(b"sops:")] + KMS % NO_MAC
    with pytest.raises(DecryptionError, match="encrypted for AWS KMS arn:aws:kms:eu-west-1:1:key/x; "):
        await decrypt(program, data)
    assert not starts.network


async def test_a_missing_program_is_told(tmp_path: Path) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("sops is not installed: install it")

    program = Sops(find=nowhere, scratch=tmp_path, confine=Confinement.command, opens=NoServices())
    with pytest.raises(DecryptionError, match=r"^sops is not installed: install it$"):
        await decrypt(program, ENCRYPTED)


def test_a_script_of_that_name_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "sops"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sops.find_command() != str(script)
