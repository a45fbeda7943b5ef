"""Which automation keeps which part of a checkout."""

import pytest

from gotk.api import extensions
from image_automation.oneshot import covering
from image_automation.oneshot.covering import Cover
from image_automation.selection import Selection
from tests.image_automation.automating import automation
from tests.image_automation.pull_requests.forging import annotated


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://github.com/team/fleet", "git@github.com:team/fleet.git", True),
        ("ssh://git@github.com/team/fleet.git", "https://x-access-token:secret@GitHub.com/team/fleet", True),
        ("https://git.example.com:8443/team/fleet/", "ssh://git@git.example.com:2222/team/fleet", True),
        ("file:///srv/fleet.git", "/srv/fleet.git", True),
        ("https://github.com/team/fleet", "https://github.com/team/other", False),
        ("https://github.com/team/fleet", "https://gitlab.com/team/fleet", False),
    ],
)
def test_addresses_of_one_repository_are_told_by_host_and_path(one: str, other: str, same: bool):
    assert covering.same_repository(one, other) is same


def cover(path: str) -> Cover:
    return Cover(path, "n", Selection({}, frozenset()), {})


@pytest.mark.parametrize(
    ("paths", "roots"),
    [
        ([], []),
        (["apps", "apps/web", "apps-old"], ["apps", "apps-old"]),
        (["apps", ""], [""]),
        ([".", "apps"], [""]),
    ],
)
def test_each_folder_is_walked_once(paths: list[str], roots: list[str]):
    assert covering.roots(map(cover, paths)) == roots


def test_a_part_covers_what_is_below_it():
    assert [path for path in ("apps", "apps/a.yaml", "apps2/a.yaml") if cover("apps").covers(path)] == [
        "apps",
        "apps/a.yaml",
    ]
    assert cover("").covers("anything.yaml")


@pytest.mark.parametrize(("asked", "how"), [("{}", "a pull request"), ("{per: policy}", "a pull request per policy")])
def test_what_would_become_a_pull_request_is_noted(asked: str, how: str):
    found = covering.proposed(annotated(automation(), {extensions.PULL_REQUEST: asked}))
    assert list(found) == [f"ImageUpdateAutomation apps/auto: what changes would be proposed as {how}"]
    assert list(covering.proposed(automation())) == []
