"""A word on a version is written beside those of others, whoever was quicker."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gotk.api import extensions
from gotk.kube import errors
from image_automation.steering import deciding
from image_automation.steering.cluster import CannotBeDoneError
from tests.image_automation.dashboard.showing import Held, TokenCluster, with_status
from tests.memory_cluster import MemoryCluster, image_policy

ADA = Held("ada", ("system:authenticated", "sre"), frozenset({("*", "*", "*")}))
REF = {"name": "example.com/app", "tag": "1.3.0", "digest": "sha256:aa"}


def cluster(**annotations: str) -> MemoryCluster:
    made, policy = MemoryCluster(), with_status(image_policy("app"), latestRef=REF)
    policy["metadata"]["annotations"] = {f"image-automation.dev/{name}": text for name, text in annotations.items()}
    made.put(policy)
    return made


def written(made: MemoryCluster) -> Any:
    return json.loads(made.objects["ImagePolicy", "default", "app"]["metadata"]["annotations"][extensions.DECISIONS])


class Outrun(TokenCluster):
    """Somebody else decides right before the first words of ours arrive."""

    def __init__(self, made: MemoryCluster, times: int) -> None:
        super().__init__(made, ADA)
        self.times = times

    async def merge_patch(self, kind: type[Any], namespace: str, name: str, patch: Mapping[str, Any]) -> Any:
        if self.times:
            self.times -= 1
            other = f'[{{"tag":"1.3.0","verdict":"approve","by":"joe{self.times}"}}]'
            self.cluster.change(
                "ImagePolicy", "default", "app", {"metadata": {"annotations": {extensions.DECISIONS: other}}}
            )
        return await super().merge_patch(kind, namespace, name, patch)


async def test_a_word_is_written_beside_that_of_who_was_quicker() -> None:
    made = cluster()
    await deciding.decide(Outrun(made, 1), "default", "app", "approve")
    assert [each["by"] for each in written(made)] == ["joe0", "ada"]


async def test_who_is_outrun_again_and_again_is_told() -> None:
    made = cluster()
    with pytest.raises(errors.Conflict):
        await deciding.decide(Outrun(made, 5), "default", "app", "approve")
    assert [each["by"] for each in written(made)] == ["joe0"]


async def test_it_is_about_the_bytes_that_are_chosen_and_names_the_groups_that_count() -> None:
    made = cluster(approvals="{needed: 1, of: ['group:sre']}")
    decided = await deciding.decide(TokenCluster(made, ADA), "default", "app", "approve", reason="seen")
    assert (decided.asked, decided.warning, decided.hint) == (True, "", "")
    assert written(made) == [
        {
            "tag": "1.3.0",
            "verdict": "approve",
            "by": "ada",
            "at": "2026-01-01T12:00:00Z",
            "reason": "seen",
            "image": "example.com/app",
            "digest": "sha256:aa",
            "groups": ["sre"],
        }
    ]


@pytest.mark.parametrize(
    ("tag", "reason", "cause"),
    [("1/3", "", "annotation image-automation.dev/decisions: "), ("", "two\nlines", "one line each")],
)
async def test_what_could_not_be_read_back_is_not_written(tag: str, reason: str, cause: str) -> None:
    made = cluster()
    with pytest.raises(CannotBeDoneError, match=cause):
        await deciding.decide(TokenCluster(made, ADA), "default", "app", "approve", tag=tag, reason=reason)
    assert made.patches == []


async def test_who_has_no_name_decides_nothing() -> None:
    with pytest.raises(CannotBeDoneError, match="the cluster does not know who you are"):
        await deciding.decide(TokenCluster(cluster(), Held("", rules=ADA.rules)), "default", "app", "approve")
