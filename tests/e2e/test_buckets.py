"""A bucket of a real S3 store, deployed: Bucket, Kustomization, and what is gone when both are deleted."""

from pathlib import Path

import pytest

from gotk.kube import errors
from tests.e2e import stage
from tests.e2e.stage import condition
from tests.real import s3

OBJECTS = """\
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: default}
stringData: {accesskey: AKIDEXAMPLE, secretkey: s3cret}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: Bucket
metadata: {name: fleet, namespace: default}
spec: {endpoint: ADDRESS, bucketName: fleet, prefix: apps/, insecure: true, interval: 1h, secretRef: {name: keys}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: fleet, namespace: default}
spec: {interval: 1h, prune: true, path: ./apps, sourceRef: {kind: Bucket, name: fleet}}
"""
CONTROLLERS = frozenset({"bucket", "kustomization"})


def config(name: str, value: str) -> bytes:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\ndata: {{v: '{value}'}}\n"
    return text.encode()


@pytest.mark.real
async def test_a_bucket_s_objects_are_applied_replaced_and_pruned(tmp_path: Path) -> None:
    with s3.store(tmp_path) as store:
        ignored = b"*.draft.yaml\n"
        await s3.put(
            store,
            "fleet",
            {
                "apps/one.yaml": config("one", "1"),
                "apps/two.yaml": config("two", "1"),
                "apps/three.draft.yaml": config("three", "1"),
                "other/four.yaml": config("four", "1"),
                ".sourceignore": ignored,
            },
        )
        async with stage.running(tmp_path / "data", controllers=CONTROLLERS) as up:
            await up.apply(OBJECTS.replace("ADDRESS", store))
            await up.until("v1", "ConfigMap", "default", "two", lambda obj: obj["data"]["v"] == "1")
            await s3.put(store, "fleet", {"apps/one.yaml": config("one", "2"), "apps/two.yaml": b"# gone\n"})
            await up.kubectl("annotate", "bucket/fleet", "-n", "default", "reconcile.fluxcd.io/requestedAt=now")
            await up.until("v1", "ConfigMap", "default", "one", lambda obj: obj["data"]["v"] == "2")
            source = await up.client.get_object("source.toolkit.fluxcd.io/v1", "Bucket", "default", "fleet")
            revision = source["status"]["artifact"]["revision"]
            assert revision.startswith("sha256:")
            applied = await up.until(
                "kustomize.toolkit.fluxcd.io/v1", "Kustomization", "default", "fleet",
                lambda obj: condition(obj, "Ready").get("message") == f"Applied revision: {revision}",
            )  # fmt: skip
            assert [entry["id"] for entry in applied["status"]["inventory"]["entries"]] == ["default_one__ConfigMap"]
            for name in ("two", "three", "four"):
                with pytest.raises(errors.NotFound):
                    await up.client.get_object("v1", "ConfigMap", "default", name)
            await up.kubectl("delete", "kustomization,bucket", "--all", "-n", "default", "--timeout=20s")
            with pytest.raises(errors.NotFound):
                await up.client.get_object("v1", "ConfigMap", "default", "one")
            assert not list((tmp_path / "data" / "artifacts").rglob("*.tar.gz"))
