"""What is said of a pin, of whose tag the policy may know nothing."""

from typing import Any

import pytest

from image_automation.steering import pinning
from tests.image_automation.dashboard.showing import Held, TokenCluster, with_status
from tests.memory_cluster import MemoryCluster, image_policy, image_repository

ADA = Held("ada", ("system:authenticated",), frozenset({("*", "*", "*")}))
PATCHING = frozenset({("get", "imagepolicies", "default"), ("patch", "imagepolicies", "default")})
LISTED = {"tagCount": 2, "latestTags": ["1.3.0", "1.2.0"]}
UNREADY = "app is not ready until it is; pin another tag, or unpin"
LOOK = "`get image policy app` says whether it is listed"
SAID: dict[str, tuple[str, dict[str, Any] | None, str, str]] = {
    "a tag that is chosen": ("1.3.0", None, "", ""),
    "a tag that is listed": ("1.2.0", LISTED, "", ""),
    "a tag that is not": (
        "9.9.9",
        LISTED,
        f"9.9.9 is none of the 2 tags of example.com/app that are listed: {UNREADY}",
        "",
    ),
    "an image without tags": (
        "9.9.9",
        {"tagCount": 0, "latestTags": []},
        f"9.9.9 is not listed: {UNREADY}",
        "",
    ),
    "a tag that may be older than those that are told of": (
        "9.9.9",
        {**LISTED, "tagCount": 240},
        "",
        f"9.9.9 is not among the newest of the 240 tags of example.com/app: {LOOK}",
    ),
    "an image that was not scanned": ("9.9.9", None, "", f"9.9.9 is not among the tags that are known here: {LOOK}"),
}


def cluster(scan: dict[str, Any] | None) -> MemoryCluster:
    made = MemoryCluster()
    made.put(with_status(image_policy("app"), latestRef={"name": "example.com/app", "tag": "1.3.0"}))
    made.put(with_status(image_repository("app"), **({"lastScanResult": scan} if scan else {})))
    return made


@pytest.mark.parametrize(("tag", "scan", "warning", "hint"), SAID.values(), ids=SAID)
async def test_it_is_said_whether_a_pinned_tag_is_listed(
    tag: str, scan: dict[str, Any] | None, warning: str, hint: str
) -> None:
    pinned = await pinning.pin(TokenCluster(cluster(scan), ADA), "default", "app", tag)
    assert pinned.sentence == f"image policy app is pinned to {tag} by ada"
    assert (pinned.warning, pinned.hint) == (warning, hint)


async def test_who_may_not_see_the_repository_pins_all_the_same() -> None:
    pinned = await pinning.pin(TokenCluster(cluster(LISTED), Held("eve", rules=PATCHING)), "default", "app", "9.9.9")
    assert (pinned.warning, pinned.hint) == ("", f"9.9.9 is not among the tags that are known here: {LOOK}")
