"""Charts that would hurt: each is bounded and named, and the other releases go on."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance.helm import Helm
from tests.e2e import helm_stage
from tests.e2e.helm_stage import HelmStage, is_settled, said
from tests.e2e.stage import condition, is_ready

pytestmark = [pytest.mark.real, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]

HANGS = b"""\
apiVersion: batch/v1
kind: Job
metadata: {name: endless, annotations: {helm.sh/hook: pre-install}}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: "endless:neverready"}]}
"""
LARGE = b"""\
apiVersion: v1
kind: ConfigMap
metadata: {name: bulk}
data: {all: "{{ range $_ := until 100 }}{{ randAlphaNum 100000 }}{{ end }}"}
"""
LONG = "a-release-with-a-name-that-is-longer-than-helm-will-take-it"


def source(chart: str) -> dict[str, object]:
    return {"spec": {"chart": chart, "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HelmStage]:
    async with helm_stage.running(tmp_path, monkeypatch) as here:
        yield here


@pytest.mark.timeout(200)
async def test_what_hangs_or_is_too_large_fails_by_name_while_others_go_on(here: HelmStage) -> None:
    here.offer("1.0.0", name="hangs", more={"templates/hook.yaml": HANGS})
    here.offer("1.0.0", name="large", more={"templates/large.yaml": LARGE})
    await here.up.kubectl("annotate", "helmrepository/charts", "reconcile.fluxcd.io/requestedAt=now")
    await here.release("hangs", chart=source("hangs"), timeout="2s")
    await here.release("large", chart=source("large"))
    await here.release("web")
    await here.release(LONG)
    await here.until("web", is_ready)

    name = f"{LONG[:40]}-"
    obj = await here.until(LONG, is_ready)
    shortened = obj["status"]["history"][0]["name"]
    assert shortened.startswith(name)
    assert len(shortened) == 53
    assert shortened in {each["name"] for each in json.loads(await here.helm("list -n default -o json"))}

    hung = await here.until("hangs", is_settled)
    assert said(hung)["reason"] == "InstallFailed"
    assert "Job/default/endless" in condition(hung, "Released")["message"]

    large = await here.until("large", lambda each: condition(each, "Released").get("reason") == "InstallFailed")
    why = "the release does not fit into Secret 'default/sh.helm.release.v1.large.v1'"
    assert why in condition(large, "Released")["message"]
    assert "installFailures" not in large["status"], "nothing of it is stored"
    assert await here.up.kubectl("get", "configmap", "bulk", "--ignore-not-found") == ""
