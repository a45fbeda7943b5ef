"""Releases that fail, over the running service: what is remediated, tried again and said, as with Flux."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.helm import Helm
from tests.e2e import helm_stage
from tests.e2e.helm_stage import BROKEN, FAILING_TEST, HelmStage, is_settled, said
from tests.e2e.stage import condition

pytestmark = [pytest.mark.real, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]

GOOD: dict[str, Any] = {"image": {"tag": "1"}}
TEST = {"enable": True}
RETRIES = {"remediation": {"retries": 1}}
LAST = {"remediation": {"remediateLastFailure": True}}
STALLED = {"Released": "False", "Ready": "False", "Stalled": "True"}

INSTALLS: dict[str, tuple[dict[str, Any], dict[str, str], list[str]]] = {
    "plain": ({"values": BROKEN}, {**STALLED, "reason": "InstallFailed"}, ['1 failed Release "plain" failed: ']),
    "tested": (
        {"values": GOOD, "test": TEST},
        {"Released": "True", "TestSuccess": "True", "Ready": "True", "reason": "TestSucceeded"},
        ["1 deployed Install complete"],
    ),
    "test-fails": (
        {"values": GOOD | FAILING_TEST, "test": TEST},
        {"Released": "True", "TestSuccess": "False", "Ready": "False", "Stalled": "True", "reason": "TestFailed"},
        ["1 deployed Install complete"],
    ),
    "test-ignored": (
        {"values": GOOD | FAILING_TEST, "test": {**TEST, "ignoreFailures": True}},
        {"Released": "True", "TestSuccess": "False", "Ready": "True", "reason": "InstallSucceeded"},
        ["1 deployed Install complete"],
    ),
    "remediated": (
        {"values": BROKEN, "install": LAST, "uninstall": {"keepHistory": True}},
        {**STALLED, "Remediated": "True", "reason": "UninstallSucceeded"},
        ["1 uninstalled Uninstallation complete"],
    ),
    "retried": (
        {"values": BROKEN, "install": RETRIES},
        {**STALLED, "reason": "InstallFailed"},
        ['1 failed Release "retried" failed: '],
    ),
}
UPGRADES: dict[str, tuple[dict[str, Any], dict[str, str], list[str]]] = {
    "plain": (
        {"values": BROKEN},
        {**STALLED, "reason": "UpgradeFailed"},
        ["1 deployed Install complete", '2 failed Upgrade "plain" failed: '],
    ),
    "test-fails": (
        {"values": GOOD | FAILING_TEST, "test": TEST},
        {"Released": "True", "TestSuccess": "False", "Ready": "False", "Stalled": "True", "reason": "TestFailed"},
        ["1 superseded Install complete", "2 deployed Upgrade complete"],
    ),
    "remediated": (
        {"values": BROKEN, "upgrade": LAST},
        {**STALLED, "Remediated": "True", "reason": "RollbackSucceeded"},
        ["1 superseded Install complete", '2 failed Upgrade "remediated" failed: ', "3 deployed Rollback to 1"],
    ),
    "retried": (
        {"values": BROKEN, "upgrade": RETRIES},
        {**STALLED, "Remediated": "True", "reason": "RollbackSucceeded"},
        [
            "1 superseded Install complete",
            '2 failed Upgrade "retried" failed: ',
            "3 superseded Rollback to 1",
            '4 failed Upgrade "retried" failed: ',
            "5 deployed Rollback to 3",
        ],
    ),
    "uninstalled": (
        {"values": BROKEN, "upgrade": {"remediation": {"retries": 1, "strategy": "uninstall"}}},
        {**STALLED, "reason": "InstallFailed"},
        ['1 failed Release "uninstalled" failed: '],
    ),
}  # fmt: skip


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HelmStage]:
    async with helm_stage.running(tmp_path, monkeypatch) as here:
        yield here


def begins_like(found: list[str], wanted: list[str]) -> bool:
    return len(found) == len(wanted) and all(map(str.startswith, found, wanted))


def failures(obj: dict[str, Any]) -> tuple[int, int]:
    return obj["status"].get("installFailures", 0), obj["status"].get("upgradeFailures", 0)


async def test_installs_that_fail_end_as_with_flux(here: HelmStage) -> None:
    for name, (spec, *_) in INSTALLS.items():
        await here.release(name, **spec)
    for name, (_, wanted, history) in INSTALLS.items():
        obj = await here.until(name, is_settled)
        assert said(obj) == wanted, name
        assert begins_like(found := await here.history(name), history), (name, found)
    retried = await here.get("retried")
    assert failures(retried) == (2, 0)
    assert condition(retried, "Stalled")["reason"] == "RetriesExceeded"
    assert condition(retried, "Stalled")["message"] == "Failed to install after 2 attempt(s)"
    tested = (await here.get("tested"))["status"]["history"][0]
    assert {name: each["phase"] for name, each in tested["testHooks"].items()} == {"tested-smoke": "Succeeded"}
    message = (
        "Helm test succeeded for release default/tested.v1 with chart web@1.0.0: 1 test hook completed successfully"
    )
    assert condition(await here.get("tested"), "TestSuccess")["message"] == message


async def test_upgrades_that_fail_end_as_with_flux(here: HelmStage) -> None:
    for name in UPGRADES:
        await here.release(name, values=GOOD)
    for name, (spec, *_) in UPGRADES.items():
        await here.until(name, is_settled)
        await here.release(name, **spec)
    for name, (_, wanted, history) in UPGRADES.items():
        obj = await here.until(name, is_settled)
        assert said(obj) == wanted, name
        assert begins_like(found := await here.history(name), history), (name, found)
    assert failures(await here.get("uninstalled")) == (1, 1)

    obj = await here.get("retried")
    assert failures(obj) == (0, 2)
    back = "Helm rollback to previous release default/retried.v3 with chart web@1.0.0 succeeded"
    assert condition(obj, "Ready")["message"] == condition(obj, "Remediated")["message"] == back
    failed = "Helm upgrade failed for release default/retried with chart web@1.0.0: "
    assert condition(obj, "Released")["message"].startswith(failed)
    assert condition(obj, "Stalled")["message"] == "Failed to upgrade after 2 attempt(s)"
    assert [(each["version"], each["status"], each["action"]) for each in obj["status"]["history"]] == [
        (5, "deployed", "rollback"), (4, "failed", "upgrade"), (3, "superseded", "rollback")
    ]  # fmt: skip
    assert await here.image("retried") == "1"
    assert {"InstallSucceeded", "UpgradeFailed", "RollbackSucceeded"} <= set(await here.told("retried"))


async def test_a_release_that_only_tries_again_goes_on_after_its_interval(here: HelmStage) -> None:
    retry = {"strategy": {"name": "RetryOnFailure", "retryInterval": "2s"}}
    both = {"install": retry, "upgrade": retry}
    await here.release("web", values=BROKEN, **both)
    await here.release("none", values={"image": {"tag": ""}}, **both)
    obj = await here.until("web", lambda each: sum(failures(each)) >= 2)
    assert failures(obj)[0] == 1, "what was installed is upgraded until it works, and not removed"
    waiting = await here.until(
        "none", lambda each: condition(each, "Reconciling").get("message") == "retrying after 2s"
    )
    assert condition(waiting, "Ready")["reason"] == "InstallFailed"
    assert "a tag is needed" in condition(waiting, "Ready")["message"]
    assert failures(waiting) == (0, 0), "nothing is in helm's storage: only the object's interval counts"

    await here.release("web", values=GOOD, **both)
    healed = await here.until("web", lambda each: said(each).get("Ready") == "True" and is_settled(each))
    assert said(healed) == {"Released": "True", "Ready": "True", "reason": "UpgradeSucceeded"}
    assert failures(healed) == (0, 0)
    assert healed["status"].get("failures", 0) == 0
