"""The demo's other course: a tag that fails where it is deployed is taken back from Git, and the next one passes.

The simulated Deployments give up by the tag's name; everything else is what a user has who opted in.
"""

import time

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from image_automation.app.demo import playground, scenario, timeline
from image_automation.app.demo.view import View

_NAMESPACE = "flux-system"
_OLD_TAGS = ("1.0.0", "1.0.1")
#: The policy takes the failing tag, whose suffix makes it a prerelease of the good one.
_RANGE = ">=1.0.0-0 <2.0.0-0"


def failing(tag: str) -> str:
    """Name the tag that fails before the one that passes; what its simulated Deployments say is in the name."""
    return f"{tag}-deadlineexceeded"


async def prepare(ground: playground.Playground, view: View, tag: str) -> None:
    """Push the older tags, apply the objects, opt in, and wait until the older version runs. Raises ScenarioError."""
    if ground.has(failing(tag)):
        raise scenario.ScenarioError(f"{failing(tag)} was pushed before: choose another --data-dir, or another --tag")
    await scenario.prepare(ground, view, tag, old_tags=_OLD_TAGS)
    patches = (
        (ImagePolicy, "web", {"spec": {"policy": {"semver": {"range": _RANGE}}}}),
        (ImageUpdateAutomation, "apps", {"metadata": {"annotations": {extensions.ON_FAILURE: "revert"}}}),
    )
    for kind, name, patch in patches:
        await ground.client.merge_patch(kind, _NAMESPACE, name, patch)
    view.step(f"ImageUpdateAutomation apps: {extensions.ON_FAILURE}: revert")


async def fall(ground: playground.Playground, view: View, tag: str) -> timeline.Timeline:
    """Push the tag that fails, and follow it until Git and the cluster have the older version again."""
    stages = ground.story.failing
    track = timeline.Timeline(tag=failing(tag), stages=stages)
    view.begin(f"{ground.image}:{track.tag} was pushed; its Deployments will fail", [stage.name for stage in stages])
    await ground.push(track.tag)

    def reached(stage: timeline.Reached) -> None:
        view.reached(stage, ground.diff(track.commit) if stage.stage in {"committed", timeline.REVERTED} else "")

    await scenario.follow(ground, track, began=time.monotonic(), reached=reached)
    return track
