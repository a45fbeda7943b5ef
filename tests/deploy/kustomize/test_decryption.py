"""Encrypted sources end to end: the real sops and kustomize, a real API, and nothing of a plain text in any message."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.kustomize.building import build
from gotk.api.kustomize import Kustomization
from tests.deploy.kustomize import sources, world
from tests.deploy.kustomize.decryption import encrypting
from tests.deploy.kustomize.decryption.encrypting import AGE_KEY, OTHER_KEY, RECIPIENT, needs_sops
from tests.deploy.kustomize.sources import kustomization
from tests.deploy.kustomize.world import World
from tests.running import Ended

try:
    build.find_command()
    MISSING = False
except FileNotFoundError:
    MISSING = True

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(MISSING, reason="neither kustomize nor kubectl is installed"),
    needs_sops,
]

VALUE = "hunter2-is-not-told"
SOPS = {"targetNamespace": "default", "decryption": {"provider": "sops", "secretRef": {"name": "keys"}}}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world.new(tmp_path) as made:
        await keys(made, AGE_KEY)
        yield made


async def keys(here: World, key: str, *, namespace: str = "default", name: str = "keys") -> None:
    await here.create(
        f"{{apiVersion: v1, kind: Secret, metadata: {{name: {name}, namespace: {namespace}}},"
        f" stringData: {{team.agekey: {key}}}}}"
    )


async def data(here: World, name: str, kind: str = "Secret") -> dict[str, str]:
    live = await here.get(kind, name)
    assert live is not None
    return {key: base64.b64decode(value).decode() for key, value in live["data"].items()}


def said(ended: Ended[Kustomization]) -> str:
    """Return everything that a run says to anybody."""
    return repr((ended.obj.status, [event.message for event in ended.run.events], ended.run.progressed, ended.ready))


async def test_manifests_are_decrypted_and_applied(here: World) -> None:
    plain = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm\ndata:\n  note: seen-by-few\n"
    encrypted = encrypting.encrypt(plain, "yaml", "--encrypted-regex=^data$").decode()
    here.publish({"s.yaml": encrypting.manifest(), "cm.yaml": encrypted})
    ended = await here.reconcile(kustomization(**SOPS))
    assert ended.ready[:2] == ("True", "ReconciliationSucceeded"), ended.ready
    assert await data(here, "s") == {"password": VALUE, "port": "5432"}
    live = await here.get("ConfigMap", "cm")
    assert live["data"] == {"note": "seen-by-few"}
    assert "sops" not in live
    assert VALUE not in said(ended)
    whole = (
        "apiVersion: v1\ndata:\n  note: seen-by-few\nkind: ConfigMap\n"
        "metadata:\n  name: cm\n  namespace: default\n---\n"
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  namespace: default\n"
        f'stringData:\n  password: {VALUE}\n  port: "5432"\n'
    )
    assert ended.obj.status.history[0].digest == f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"
    again = await here.reconcile(world.again(ended))
    assert again.run.events == again.run.progressed == []
    assert here.downloads == 1


async def test_what_a_remote_base_holds_is_decrypted(here: World) -> None:
    base = "https://git.example.com/team/base"
    here.bases.held[base] = {"kustomization.yaml": "resources: [s.yaml]\n", "s.yaml": encrypting.manifest()}
    here.publish({"kustomization.yaml": f"resources: ['{base}']\n"})
    ended = await here.reconcile(kustomization(**SOPS))
    assert ended.ready[:2] == ("True", "ReconciliationSucceeded"), ended.ready
    assert await data(here, "s") == {"password": VALUE, "port": "5432"}


GENERATED = {
    "kustomization.yaml": "resources: [base]\ncomponents: [part]\n",
    "base/kustomization.yaml": """
generatorOptions: {disableNameSuffixHash: true}
secretGenerator:
- name: gen
  envs: [vars, more.env]
  files: [token, config.yaml=settings.yaml, .dockerconfigjson=docker.json, late.json=late.txt]
configMapGenerator:
- name: as-it-is
  files: [token]
""",
    "part/kustomization.yaml": """
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches: [{path: patch.yaml}]
""",
}


async def test_what_generators_patches_and_components_name_is_decrypted(here: World) -> None:
    token = encrypting.encrypt("a token\n", "binary").decode()
    patch = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: gen\n  annotations:\n    note: patched-in\n"
    here.publish(
        {
            **GENERATED,
            "base/vars": encrypting.encrypt(f"PASSWORD={VALUE}\n", "dotenv").decode(),
            "base/more.env": encrypting.encrypt("MORE=and more\n", "dotenv").decode(),
            "base/token": token,
            "base/settings.yaml": encrypting.encrypt("a: b\n").decode(),
            "base/docker.json": encrypting.encrypt('{"auths": {}}', "json").decode(),
            "base/late.txt": encrypting.encrypt('{"in": "json"}', "json").decode(),
            "part/patch.yaml": encrypting.encrypt(patch, "yaml", "--encrypted-regex=^annotations$").decode(),
        }
    )
    ended = await here.reconcile(kustomization(**SOPS))
    assert ended.ready[0] == "True", ended.ready
    found = await data(here, "gen")
    assert json.loads(found.pop(".dockerconfigjson")) == {"auths": {}}
    assert json.loads(found.pop("late.json")) == {"in": "json"}
    expected = {"PASSWORD": VALUE, "MORE": "and more", "token": "a token\n", "config.yaml": "a: b\n"}
    assert found == expected
    live = await here.get("Secret", "gen")
    assert live["metadata"]["annotations"] == {"note": "patched-in"}
    assert (await here.get("ConfigMap", "as-it-is"))["data"] == {"token": "a token\n"}
    assert not list(here.scratch.glob("build-*"))


async def test_values_that_are_encrypted_documents_are_decrypted(here: World) -> None:
    values = {
        "app.env": encrypting.encrypt(f"PASSWORD={VALUE}\n", "dotenv"),
        "app.ini": encrypting.encrypt("[s]\na = b\n", "ini"),
        "other": b"left alone",
    }
    encoded = {key: base64.b64encode(value).decode() for key, value in values.items()}
    here.publish(
        {"s.yaml": json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": encoded})}
    )
    ended = await here.reconcile(kustomization(**SOPS))
    assert ended.ready[0] == "True", ended.ready
    assert await data(here, "s") == {"app.env": f"PASSWORD={VALUE}\n", "app.ini": "[s]\na = b\n", "other": "left alone"}


async def test_a_key_of_all_serves_who_names_none_and_a_new_one_counts_at_once(here: World) -> None:
    await here.create("{apiVersion: v1, kind: Namespace, metadata: {name: flux-system}}")
    here.publish({"s.yaml": encrypting.manifest()})
    spec: dict[str, Any] = {"targetNamespace": "default", "decryption": {"provider": "sops"}}
    ended = await here.reconcile(kustomization(**spec))
    assert ended.ready[:2] == ("False", "BuildFailed")
    told = "cannot get sops SOPS age decryption Secret 'flux-system/sops-age': "
    assert ended.ready[2].startswith(told)
    assert ended.ready[2].endswith("create it or correct --sops-age-secret")
    await keys(here, OTHER_KEY, namespace="flux-system", name="sops-age")
    ended = await here.reconcile(kustomization(**spec))
    assert "Secret 'flux-system/sops-age' holds only age1" in ended.ready[2]
    patch = {"stringData": {"team.agekey": AGE_KEY}}
    await here.client.patch_object("v1", "Secret", "flux-system", "sops-age", patch)
    ended = await here.reconcile(world.again(ended))
    assert ended.ready[0] == "True", ended.ready


FAILURES: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {}
if encrypting.SOPS:
    ENV = encrypting.encrypt(f"PASSWORD={VALUE}\n", "dotenv").decode()
    FAILED = "decryption failed for 'Secret.v1.[noGrp]/s': failed to decrypt and format 'default/s' Secret data:"
    GENERATOR = "secretGenerator: [{name: gen, envs: [vars.env]}]\n"
    FAILURES = {
        "no such Secret": (
            {"s.yaml": encrypting.manifest()},
            {"decryption": {"provider": "sops", "secretRef": {"name": "no"}}},
            "cannot get sops decryption Secret 'default/no': secrets \"no\" not found, create it or correct spec",
        ),
        "another key": (
            {"s.yaml": encrypting.manifest()},
            {"decryption": {"provider": "sops", "secretRef": {"name": "other"}}},
            f"{FAILED} cannot get sops data key: it is encrypted for age {RECIPIENT}; Secret 'default/other' holds",
        ),
        "a file that was changed": (
            {"kustomization.yaml": GENERATOR, "vars.env": ENV.replace("data:", "data:AAAA", 1)},
            {},
            "error decrypting sources: vars.env: error decrypting sops tree: a value was changed or moved",
        ),
        "a file that is cut": (
            {"kustomization.yaml": GENERATOR, "vars.env": ENV[:50] + "\nsops_mac=ENC[\n"},
            {},
            "error decrypting sources: vars.env: ",
        ),
        "a file that lies about its format": (
            {"kustomization.yaml": "secretGenerator: [{name: gen, files: [a.json]}]\n", "a.json": ENV + '"mac": "ENC['},
            {},
            "error decrypting sources: a.json: failed to load encrypted data: it is not of its format",
        ),
        "a huge file": (
            {"kustomization.yaml": GENERATOR, "vars.env": "x" * (5 << 20) + "y"},
            {},
            "error decrypting sources: vars.env: cannot decrypt file with size (5242881 bytes) exceeding limit (",
        ),
        "a file outside": (
            {"kustomization.yaml": "secretGenerator: [{name: gen, envs: [../../../etc/passwd]}]\n"},
            {},
            "kustomize build failed: kustomization.yaml: secretGenerator.envs: '../../../etc/passwd' is outside",
        ),
        "a text that kustomize quotes": (
            {"kustomization.yaml": "resources: [cm.yaml]\npatches: [{path: p.yaml}]\n", "cm.yaml": sources.config_map(),
             "p.yaml": encrypting.encrypt(f"apiVersion: v1\nkind: {VALUE}\nmetadata:\n  name: cm\n").decode()},
            {},
            "kustomize build failed: ",
        ),
        "a variable in a plain text": (
            {"s.yaml": encrypting.manifest(encrypting.SECRET.replace(VALUE, "${is_not_told_to_you}"))},
            {"postBuild": {"substituteStrategy": "Always"}},
            "post build failed for 'Secret.v1.[noGrp]/s': envsubst error: ",
        ),
    }  # fmt: skip


async def test_what_fails_is_told_without_a_value(here: World) -> None:
    await keys(here, OTHER_KEY, name="other")
    for name, (files, spec, told) in FAILURES.items():
        here.publish(files)
        ended = await here.reconcile(kustomization(**{**SOPS, **spec}))
        assert ended.ready[:2] == ("False", "BuildFailed"), (name, ended.ready)
        assert ended.ready[2].startswith(told), (name, ended.ready[2])
        for secret in (VALUE, "is_not_told_to_you", AGE_KEY, str(here.scratch)):
            assert secret not in said(ended), name


async def test_a_refused_object_tells_no_decrypted_value(here: World) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm\n  labels:\n    note: {VALUE}!\n"
    here.publish({"cm.yaml": encrypting.encrypt(text, "yaml", "--encrypted-regex=^labels$").decode()})
    ended = await here.reconcile(kustomization(**SOPS))
    assert ended.ready[:2] == ("False", "ReconciliationFailed")
    assert VALUE not in said(ended)
    assert "***" in ended.ready[2]


async def test_a_resource_may_ask_to_be_left_alone(here: World) -> None:
    text = encrypting.SECRET.replace(
        "name: s", "name: s\n  annotations:\n    kustomize.toolkit.fluxcd.io/decrypt: Disabled"
    )
    encrypted = encrypting.manifest(text)
    text = await build_only(here, {"s.yaml": encrypted})
    assert "password: ENC[" in text
    assert "sops:" in text


async def build_only(here: World, files: dict[str, str]) -> str:
    here.publish(files)
    obj = kustomization(**SOPS)
    decryptor = await here.assembler._keyring.decryptor(obj)
    root = sources.write(here.scratch / "unpacked", files)
    built = await here.assembler._builder.build(root, ".", obj.spec, timeout=60, decryptor=decryptor)
    return built.text


async def test_without_decryption_no_program_is_started(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> bytes:
        raise AssertionError("sops was started")

    monkeypatch.setattr(here.assembler._keyring._sops, "decrypt", refuse)
    here.publish({"cm.yaml": sources.config_map(), "s.yaml": encrypting.SECRET})
    ended = await here.reconcile(kustomization(**SOPS))
    assert ended.ready[0] == "True", ended.ready


async def test_a_service_account_needs_its_feature_gate(here: World) -> None:
    here.publish({"cm.yaml": sources.config_map()})
    spec = {"decryption": {"provider": "sops", "serviceAccountName": "reader"}}
    ended = await here.reconcile(kustomization(**spec))
    assert ended.ready[:2] == ("False", "FeatureGateDisabled")
    told = "to use spec.decryption.serviceAccountName for decryption authentication please enable the "
    assert ended.ready[2] == f"{told}ObjectLevelWorkloadIdentity feature gate in the controller"
    assert ended.conditions["Stalled"][0] == "True"
