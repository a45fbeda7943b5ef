"""The closed loop as the demo shows it: a tag fails where it is deployed and is taken back, the next one passes.

Then a person rolls that one back. Registry, Git server, control plane, Kustomization and pods are the product's own.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from image_automation.app.demo import playground, rollback, scenario, timeline, view
from image_automation.app.demo.timeline import Reached
from image_automation.cli import root
from tests.e2e.stage import condition

NAMESPACE, NAME = "flux-system", "apps"


class Said(view.Plain):
    """What the demo shows, kept."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.diffs: dict[str, str] = {}

    def begin(self, title: str, stages: Sequence[str]) -> None:
        super().begin(title, stages)
        self.stages.clear()

    def reached(self, reached: Reached, diff: str) -> None:
        super().reached(reached, diff)
        self.stages.append(reached.stage)
        self.diffs[reached.stage] = diff


async def automation(ground: playground.Playground) -> dict[str, Any]:
    found = await ground.client.list_objects("image.toolkit.fluxcd.io/v1", "ImageUpdateAutomation", NAMESPACE)
    return found[0]


@pytest.mark.timeout(120)
async def test_what_fails_is_taken_back_and_what_passes_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    said = Said()
    async with playground.open_playground(tmp_path) as ground:
        await rollback.prepare(ground, said, "1.1.0")
        await rollback.fall(ground, said, "1.1.0")
        assert said.stages[-4:] == ["applied", "failed", timeline.REVERTED, "healthy"]
        assert "+    newTag: 1.0.1 #" in said.diffs[timeline.REVERTED]
        assert ground.commits()[:2] == ["Recover: roll back 3 image updates", "Update from image update automation"]
        held = condition(await automation(ground), extensions.UPDATES_HELD)
        assert "took it back, as Kustomization flux-system/apps failed with it" in held["message"]
        events = await ground.client.list_objects("v1", "Event", NAMESPACE)
        assert "UpdateTakenBack" in {event["reason"] for event in events}

        await scenario.travel(ground, said, "1.1.0")
        await scenario.settle(ground, "1.1.0")
        passed = await automation(ground)
        assert not condition(passed, extensions.UPDATES_HELD)
        assert not condition(passed, extensions.UPDATE_FAILED)

        where = ("--kubeconfig", str(ground.kubeconfig))
        asked = ["rollback", NAME, "apps/web.yaml", *where, "--reason", "slow"]
        assert await asyncio.get_running_loop().run_in_executor(None, root.run, asked) == 0
        assert "kubernetes-admin rolled this back: slow" in capsys.readouterr().err
        assert ground.commits()[0] == f"Roll back web to {ground.image}:1.0.1"
        obj = await ground.client.get(ImageUpdateAutomation, NAMESPACE, NAME)
        assert extensions.ROLLBACK not in obj.metadata.annotations
