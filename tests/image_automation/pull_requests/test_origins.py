"""Links to where images come from, and none that a label's author could bend."""

import pytest

from image_automation.bumps import Bump
from image_automation.pull_requests import origins
from image_automation.pull_requests.origins import REVISION, SOURCE

OLD, NEW = "a" * 40, "b" * 40


def labels(source: str, revision: str = NEW) -> dict[str, str]:
    return {SOURCE: source, REVISION: revision}


@pytest.mark.parametrize(
    ("source", "part"),
    [("https://github.com/org/web", ""), ("https://codeberg.org/org/web", ""), ("https://gitlab.com/a/b/c", "/-")],
)
def test_source_commit_and_changes_are_linked(source: str, part: str):
    assert list(origins.links(labels(source, OLD), labels(source))) == [
        f"[source]({source})",
        f"[`{NEW[:12]}`]({source}{part}/commit/{NEW})",
        f"[changes]({source}{part}/compare/{OLD}...{NEW})",
    ]


def test_of_an_unknown_forge_only_the_source_is():
    found = labels("https://git.example.com/org/web.git")
    assert list(origins.links(found, found)) == ["[source](https://git.example.com/org/web)"]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "http://github.com/org/web",
        "javascript:alert(1)",
        "https://github.com/org/web) [x](https://evil",
        "https://user:pass@github.com/org/web",
        "https://github.com/org/../../evil",
        "https://github.com/org/web?x=1",
        "https://github.com/org/web\n# Merged",
        "https://github.com",
    ],
)
def test_what_is_no_plain_https_address_is_not_linked(source: str):
    assert list(origins.links({}, labels(source))) == []


@pytest.mark.parametrize("revision", ["", "main", "abc) [x](y", "A" * 40])
def test_what_is_no_hash_is_not_linked(revision: str):
    assert list(origins.links({}, labels("https://github.com/org/web", revision))) == [
        "[source](https://github.com/org/web)"
    ]


async def test_each_step_has_its_line_and_a_value_that_is_no_tag_is_not_looked_up():
    asked = []

    async def read(policy: str, tag: str) -> dict[str, str]:
        asked.append((policy, tag))
        return labels("https://github.com/org/web")

    steps = [Bump(policy="apps/web", old="", new="1.1"), Bump(policy="apps/api", old="2.0@sha256:ab", new="2.1")]
    found = await origins.section(steps, read)
    assert asked == [("apps/web", "1.1"), ("apps/api", "2.1")]
    assert [line.partition(":")[0] for line in found.splitlines()] == ["Sources", "", "- web 1.1", "- api 2.1"]
