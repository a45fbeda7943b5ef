"""What becomes of a release that is there: left alone, drifted, suspended, forced, moved, cut off, removed."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gotk.kube.errors import NotFound
from tests.conformance.helm import Helm
from tests.e2e import helm_stage
from tests.e2e.helm_stage import BROKEN, HelmStage, is_settled, said
from tests.e2e.stage import condition, is_ready

pytestmark = [pytest.mark.real, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]

GOOD: dict[str, Any] = {"image": {"tag": "1"}}
DRIFTED = "Cluster state of release default/{0}.v1 has drifted from the desired state:\nDeployment/default/{0} changed "
COUNTS = "(0 additions, 1 changes, 0 removals)"


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HelmStage]:
    async with helm_stage.running(tmp_path, monkeypatch) as here:
        yield here


async def scale(here: HelmStage, name: str, replicas: int) -> None:
    await here.up.kubectl("scale", f"deploy/{name}", f"--replicas={replicas}")


async def replicas(here: HelmStage, name: str) -> int:
    found = await here.up.client.get_object("apps/v1", "Deployment", "default", name)
    return int(found["spec"]["replicas"])


def handled(token: str) -> Any:
    return lambda obj: obj["status"].get("lastHandledReconcileAt") == token and not condition(obj, "Reconciling")


async def test_a_run_over_a_release_in_sync_starts_no_helm_and_writes_nothing(here: HelmStage) -> None:
    for mode in ("disabled", "warn", "enabled"):
        await here.release(mode, values=GOOD, interval="1s", driftDetection={"mode": mode})
    before = {mode: await here.until(mode, is_ready) for mode in ("disabled", "warn", "enabled")}
    here.program.unlink()
    await here.request("disabled", "one")
    before["disabled"] = await here.until("disabled", handled("one"))
    await asyncio.sleep(3)
    for mode, obj in before.items():
        now = await here.get(mode)
        assert now["metadata"]["resourceVersion"] == obj["metadata"]["resourceVersion"], (mode, now["status"])
    events = await here.up.client.list_objects("v1", "Event", "default")
    installed = [each for each in events if each["reason"] == "InstallSucceeded"]
    told = {each["involvedObject"]["name"]: each.get("count", 1) for each in installed}
    assert (len(installed), told) == (3, dict.fromkeys(before, 1)), "each install was told of once, and no run after it"


async def test_drift_is_told_and_left_alone_or_corrected(here: HelmStage) -> None:
    for mode in ("warn", "enabled"):
        await here.release(mode, values=GOOD, driftDetection={"mode": mode})
    for mode in ("warn", "enabled"):
        await here.until(mode, is_ready)
        await scale(here, mode, 3)
        await here.request(mode, "one")

    warned = await here.until("warn", handled("one"))
    assert said(warned) == {"Released": "True", "Ready": "True", "Drifted": "True", "reason": "InstallSucceeded"}
    assert condition(warned, "Drifted")["reason"] == "DriftDetected"
    assert condition(warned, "Drifted")["message"] == DRIFTED.format("warn") + COUNTS
    assert await replicas(here, "warn") == 3

    corrected = await here.until("enabled", handled("one"))
    assert said(corrected) == {"Released": "True", "Ready": "True", "Drifted": "False", "reason": "InstallSucceeded"}
    assert condition(corrected, "Drifted")["message"] == "No drift detected against the cluster state"
    assert await replicas(here, "enabled") == 1
    assert "DriftCorrected" in await here.told("enabled")
    assert [each["version"] for each in corrected["status"]["history"]] == [1], "a correction is no release"

    await asyncio.sleep(1.1)  # instants have seconds
    await here.request("warn", "two")
    again = await here.until("warn", handled("two"))
    assert condition(again, "Drifted") == condition(warned, "Drifted")


async def test_a_suspended_release_rests_until_it_is_resumed(here: HelmStage) -> None:
    await here.release("web", values=GOOD)
    await here.until("web", is_ready)
    await here.release("web", values={"image": {"tag": "2"}}, suspend=True)
    await here.request("web", "one")
    obj = await here.until("web", lambda each: each["status"].get("lastHandledReconcileAt") == "one")
    assert [each["version"] for each in obj["status"]["history"]] == [1]
    assert await here.image("web") == "1"
    await here.release("web", values={"image": {"tag": "2"}}, suspend=False)
    await here.until("web", lambda each: is_ready(each) and len(each["status"]["history"]) == 2)
    assert await here.image("web") == "2"

    await here.release("web", values={"image": {"tag": "2"}}, suspend=True)
    await here.up.kubectl("delete", "helmrelease/web", "--timeout=30s")
    assert await here.image("web") == "2", "a release whose object was suspended stays"
    assert "default-web" in await here.up.kubectl("get", "helmcharts", "-o", "name")


async def test_a_release_is_made_by_force_and_tried_again_after_a_reset(here: HelmStage) -> None:
    await here.release("forced", values=GOOD)
    await here.release("reset", values=BROKEN)
    await here.until("forced", is_ready)
    await here.request("forced", "one", forceAt="one")
    obj = await here.until("forced", handled("one"))
    assert obj["status"]["lastHandledForceAt"] == "one"
    assert [each["version"] for each in obj["status"]["history"]] == [2, 1]
    await here.request("forced", "two")
    obj = await here.until("forced", handled("two"))
    assert [each["version"] for each in obj["status"]["history"]] == [2, 1], "a wish counts once"

    await here.until("reset", is_settled)
    assert len(await here.history("reset")) == 1
    await here.request("reset", "one")
    await here.until("reset", handled("one"))
    assert len(await here.history("reset")) == 1, "it has failed as often as it may"
    await here.request("reset", "two", resetAt="two")
    obj = await here.until("reset", lambda each: is_settled(each) and handled("two")(each))
    assert obj["status"]["lastHandledResetAt"] == "two"
    assert len(await here.history("reset")) == 2
    assert obj["status"]["upgradeFailures"] == 1


async def test_values_that_are_missing_are_told_and_waited_for(here: HelmStage) -> None:
    await here.release("web", valuesFrom=[{"kind": "ConfigMap", "name": "given"}])
    obj = await here.until("web", lambda each: condition(each, "Ready").get("reason") == "ValuesError")
    why = (
        "could not resolve ConfigMap chart values reference 'default/given' with key 'values.yaml': resource not found"
    )
    assert condition(obj, "Ready")["message"] == why
    assert condition(obj, "Stalled") == {}
    await here.up.kubectl("create", "configmap", "given", "--from-literal=values.yaml=image: {tag: seven}")
    await here.until("web", is_ready)
    assert await here.image("web") == "seven"


async def test_a_template_that_fails_is_told_and_costs_no_retry(here: HelmStage) -> None:
    await here.release("web", values={"image": {"tag": ""}})
    obj = await here.until("web", lambda each: (each.get("status") or {}).get("failures", 0) > 1)
    assert condition(obj, "Released")["reason"] == "InstallFailed"
    assert condition(obj, "Released")["message"].startswith(
        "Helm install failed for release default/web with chart web@1.0.0: "
    )
    assert "a tag is needed" in condition(obj, "Released")["message"]
    assert "installFailures" not in obj["status"]
    assert json.loads(await here.helm("list -A -o json")) == []
    await here.release("web", values=GOOD)
    await here.until("web", is_ready)


async def test_a_release_waits_for_those_it_depends_on(here: HelmStage) -> None:
    first = {"name": "first", "readyExpr": "dep.status.history[0].chartVersion == '1.1.0'"}
    await here.release("last", values=GOOD, dependsOn=[{"name": "middle"}])
    await here.release("middle", values=GOOD, dependsOn=[first])
    obj = await here.until("last", lambda each: condition(each, "Ready").get("reason") == "DependencyNotReady")
    assert condition(obj, "Ready")["status"] == "False"
    assert "'default/middle'" in condition(obj, "Ready")["message"]
    await here.release("first", values=GOOD)
    await here.until("first", is_ready)
    why = "dependency 'default/first' is not ready according to readyExpr eval"
    await here.until("middle", lambda each: condition(each, "Ready").get("message") == why)
    here.offer("1.0.0", "1.1.0")
    await here.up.kubectl("annotate", "helmrepository/charts", "reconcile.fluxcd.io/requestedAt=now")
    for name in ("first", "middle", "last"):
        await here.until(name, is_ready)


async def test_a_release_that_is_to_be_another_is_uninstalled_and_installed_anew(here: HelmStage) -> None:
    here.offer("1.0.0", name="shop")
    await here.up.kubectl("annotate", "helmrepository/charts", "reconcile.fluxcd.io/requestedAt=now")
    await here.release("web", values=GOOD)
    await here.until("web", is_ready)
    await here.release("web", values=GOOD, releaseName="site")
    obj = await here.until("web", lambda each: is_ready(each) and each["status"]["history"][0]["name"] == "site")
    assert [(each["name"], each["version"]) for each in obj["status"]["history"]] == [("site", 1)]
    assert [each["name"] for each in json.loads(await here.helm("list -A -o json"))] == ["site"]
    with pytest.raises(NotFound):
        await here.image("web")

    chart = {"spec": {"chart": "shop", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}
    await here.release("web", values=GOOD, releaseName="site", chart=chart)
    obj = await here.until("web", lambda each: is_ready(each) and each["status"]["history"][0]["chartName"] == "shop")
    assert [each["version"] for each in obj["status"]["history"]] == [1]
    assert await here.image("site") == "1"


async def test_a_release_whose_helm_history_changed_hands_is_taken_over(here: HelmStage) -> None:
    await here.release("web", values=GOOD)
    await here.until("web", is_ready)
    await here.release("web", values={"image": {"tag": "2"}})
    await here.until("web", lambda each: is_ready(each) and len(each["status"]["history"]) == 2)
    await here.helm("rollback web 1 --force-conflicts -n default")
    assert await here.image("web") == "1"
    await here.request("web", "one")
    obj = await here.until("web", lambda each: is_ready(each) and handled("one")(each))
    assert await here.image("web") == "2"
    assert [each["version"] for each in obj["status"]["history"]] == [4]
    await here.helm("uninstall web -n default")
    await here.request("web", "two")
    obj = await here.until("web", lambda each: is_ready(each) and handled("two")(each))
    assert [(each["version"], each["action"]) for each in obj["status"]["history"]] == [(1, "install")]
