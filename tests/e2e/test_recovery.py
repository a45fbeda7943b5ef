"""The closed loop as the demo shows it: a tag fails where it is deployed and is taken back from Git.

Registry, Git server, control plane, Kustomization and pods are the product's own. What follows, the next tag that
passes and a person who rolls that back, is in the guide's page `from-push-to-production`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gotk.api import extensions
from image_automation.app.demo import playground, rollback, story, timeline, view
from image_automation.app.demo.timeline import Reached
from tests.conformance.helm import Helm
from tests.e2e.stage import condition

NAMESPACE = "flux-system"


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


HELM = pytest.mark.skipif(Helm.path is None, reason="there is no helm here")
STORIES = {
    "a Kustomization": (story.MANIFESTS, "Kustomization flux-system/apps", "3 image updates", "+    newTag: 1.0.1 #"),
    "a HelmRelease": (story.RELEASES, "HelmRelease apps/web", "web to 1.0.1", "+      tag: 1.0.1 #"),
}  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("told", "failing", "what", "diff"),
    [pytest.param(*each, marks=HELM if "Helm" in name else (), id=name) for name, each in STORIES.items()],
)
async def test_what_fails_is_taken_back_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: story.Story, failing: str, what: str, diff: str
):
    if Helm.path is not None:
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        (tmp_path / "helm").symlink_to(Helm.path)
    said = Said()
    async with playground.open_playground(tmp_path / "demo", told) as ground:
        await rollback.prepare(ground, said, "1.1.0")
        await rollback.fall(ground, said, "1.1.0")
        assert said.stages[-4:] == ["applied", "failed", timeline.REVERTED, "healthy"]
        assert diff in said.diffs[timeline.REVERTED]
        assert ground.commits()[:2] == [f"Recover: roll back {what}", "Update from image update automation"]
        held = condition(await automation(ground), extensions.UPDATES_HELD)
        assert f"took it back, as {failing} failed with it" in held["message"]
        events = await ground.client.list_objects("v1", "Event", NAMESPACE)
        assert "UpdateTakenBack" in {event["reason"] for event in events}
