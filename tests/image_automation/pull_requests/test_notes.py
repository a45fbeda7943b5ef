"""Release notes in a description: which releases lie between two versions, and that a stranger's text stays a text."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.forge import repository
from gotk.forge.bitbucket_server import BitbucketServer
from gotk.forge.github import GitHub
from gotk.forge.gitlab import GitLab
from gotk.forge.hosting import Asking
from gotk.forge.release import Release
from gotk.http import errors
from image_automation.bumps import Bump
from image_automation.pull_requests import notes, section
from image_automation.pull_requests.origins import SOURCE
from tests.gotk.forge.standins import github
from tests.gotk.forge.standins.facts import Facts

APP = "https://github.com/org/web"
STEP = Bump(policy="apps/web", old="1.0.0", new="1.2.0")


def releases(*tags: str) -> list[Release]:
    return [Release(tag=tag, text=f"What {tag} has.") for tag in tags]


@pytest.mark.parametrize(
    ("tags", "old", "new", "found"),
    [
        pytest.param(("v1.3.0", "v1.2.0", "v1.1.0", "v1.0.0"), "1.0.0", "1.2.0", ["v1.2.0", "v1.1.0"], id="between"),
        pytest.param(("v1.0.9", "v1.2.0", "v1.1.0"), "1.0.0", "1.2.0", ["v1.2.0", "v1.1.0", "v1.0.9"], id="by version"),
        pytest.param(("1.2.0-rc.1", "1.1.0"), "1.0.0", "1.2.0", ["1.1.0"], id="no prereleases"),
        pytest.param(("1.2.0-rc.2", "1.2.0-rc.1"), "1.1.0", "1.2.0-rc.2", ["1.2.0-rc.2", "1.2.0-rc.1"],
                     id="but where it is one"),
        pytest.param(("web-v1.2.0", "api-v1.1.5", "web-1.1.0"), "1.0.0", "web-1.2.0", ["web-v1.2.0", "web-1.1.0"],
                     id="of this thing alone"),
        pytest.param(("web@1.2.0", "api@1.2.0"), "1.0.0", "1.2.0", [], id="of which thing does not show"),
        pytest.param(("v1.2.0", "web-1.1.0"), "1.0.0", "1.2.0", ["v1.2.0"], id="of the whole repository"),
        pytest.param(("v1.1.0",), "1.0.0", "1.2.0", ["v1.1.0"], id="the last is not released"),
        pytest.param(("blue", "green"), "green", "blue", ["blue"], id="no versions: the new one"),
        pytest.param(("v1.2.0",), "1.3.0", "1.2.0", [], id="back again"),
    ],
)  # fmt: skip
def test_which_releases_lie_between(tags: Iterable[str], old: str, new: str, found: list[str]):
    assert [each.tag for each in notes.between(releases(*tags), old, new)] == found


@pytest.mark.parametrize(
    "text",
    [
        "@everybody look, closes #1, see https://evil.example.com and [this](javascript:alert(1))",
        "```\n/assign @ann\n```\n/merge",
        "`````\nout\n`````",
        "# Title\n<script>alert(1)</script>\n| a | b |",
        f"{section.write(section.Note(automation='me', scope='web', choices=('x',)), 'ours')}",
        "[//]: # (image-automation:end)\n/close",
        "a\u202eb\x1b[31mred\x00",
        "~~~\n- [ ] task",
    ],
)
def test_a_strangers_text_is_all_inside_of_one_block(text: str):
    shown = notes.block(Release(tag="v1", text=text, url=f"{APP}/releases/tag/v1"), APP)
    title, _, rest = shown.partition("\n\n")
    assert title == f"Release [`v1`]({APP}/releases/tag/v1) of [org/web]({APP}):"
    first, *inside, last = rest.split("\n")
    assert (first, set(last)) == (f"{last}text", {"`"})
    assert all(line == "" or line.startswith(" ") for line in inside)
    assert not any(line.strip().startswith(last) for line in inside)
    assert "".join(inside).isprintable()
    note = section.Note(automation="me", scope="web", title="t")
    body = section.write(note, shown, "")
    assert body is not None
    assert section.read(body) == note
    again = section.write(note, "new", body)
    assert again is not None
    assert "Release" not in again


PIECES = st.sampled_from(
    ["```", "`", "\n", "\r", "[//]: # (image-automation:end)", "<!--", "-->", "@ann", "\u202e", "~~~", " "]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=30).map("".join))
def test_no_text_gets_out_of_its_block_or_looks_like_our_lines(text: str):
    shown = notes.block(Release(tag="v1", text=text), APP)
    note = section.Note(automation="me", scope="web", title="t")
    body = section.write(note, shown)
    assert body is not None
    assert section.read(body) == note
    assert section.write(note, "new", body) == section.write(note, "new")
    _, _, rest = shown.partition("\n\n")
    inside = rest.split("\n")[1:-1]
    assert all(line.isprintable() and line.startswith(" ") for line in inside if line)
    assert not any(line.strip().startswith(rest.split("\n")[-1]) for line in inside)


@pytest.mark.parametrize(
    ("tag", "url", "title"),
    [
        ("v1", f"{APP}/releases/tag/v1", f"Release [`v1`]({APP}/releases/tag/v1)"),
        ("v1", "http://github.com/org/web/x", "Release `v1`"),
        ("v1", "https://evil.example.com/org/web/x", "Release `v1`"),
        ("v1", f"{APP}/x) [y](https://evil.example.com", "Release `v1`"),
        ("v1", f"{APP}/../../evil", "Release `v1`"),
        ("v1`](x) @ann", f"{APP}/x", f"Release [`v1???x??@ann`]({APP}/x)"),
    ],
)
def test_only_a_link_below_the_source_is_one(tag: str, url: str, title: str):
    shown = notes.block(Release(tag=tag, text="<!-- nothing -->\n\n", url=url), APP)
    assert shown == f"{title} of [org/web]({APP})."


def test_notes_are_bounded():
    shown = notes.block(Release(tag="v1", text="\n".join(["x" * 5000] * 5000)), APP)
    assert len(shown.splitlines()) < 50
    assert max(map(len, shown.splitlines())) < 210


class Asked:
    """Asks a stand-in, and knows that it was asked. With `fails` it does not answer."""

    def __init__(self, standin: github.GitHub, fails: Exception | None = None) -> None:
        self.standin, self.fails, self.times = standin, fails, 0

    async def ask(self, conversation: Asking[Any]) -> Any:
        self.times += 1
        if self.fails is not None:
            conversation.close()
            raise self.fails
        return self.standin.hold(conversation)


def reader(forge: Any, source: str = APP, fails: Exception | None = None) -> tuple[notes.Reader, Asked, Asked]:
    facts = Facts(releases=[("v1.2.0", "Faster."), ("v1.1.0", "Blue."), ("v1.0.0", "Old.")])
    ours, others = Asked(github.GitHub(facts), fails), Asked(github.GitHub(facts), fails)

    async def labels(policy: str, tag: str) -> dict[str, str]:
        return {SOURCE: source} if tag else {}

    return notes.Reader(forge=forge, asker=ours, stranger=lambda: others, labels=labels), ours, others


HOME = GitHub(repository=repository.parse("https://github.com/org/fleet"), token="t")
LAB = GitLab(repository=repository.parse("https://gitlab.example.com/org/fleet"), token="t")
SERVER = BitbucketServer(address="https://git.example.com/scm/ORG/web.git", identity={})


async def test_the_forge_of_the_pull_request_is_asked_with_its_token():
    made, ours, others = reader(HOME)
    said = await made.section([STEP, STEP], 10_000)
    assert said == (
        f"Release [`v1.2.0`]({APP}/releases/tag/v1.2.0) of [org/web]({APP}):\n\n```text\n Faster.\n```\n\n"
        f"Release [`v1.1.0`]({APP}/releases/tag/v1.1.0) of [org/web]({APP}):\n\n```text\n Blue.\n```"
    )
    assert (ours.times, others.times) == (2, 0)


@pytest.mark.parametrize("forge", [LAB, SERVER])
async def test_a_public_forge_is_asked_without_one(forge: Any):
    made, ours, others = reader(forge)
    assert "Faster." in await made.section([STEP], 10_000)
    assert (ours.times, others.times) == (0, 1)


@pytest.mark.parametrize(
    "source", ["https://git.internal/org/web", "http://github.com/org/web", "https://github.com/a b"]
)
async def test_any_other_address_is_not_asked(source: str):
    made, ours, others = reader(HOME, source)
    assert await made.section([STEP], 10_000) == ""
    assert (ours.times, others.times) == (0, 0)


@pytest.mark.parametrize("error", [errors.NotFound("404"), errors.Unavailable("no more"), errors.Unreachable("down")])
async def test_a_forge_that_does_not_answer_leaves_them_out(error: Exception):
    made, _, _ = reader(HOME, fails=error)
    assert await made.section([STEP], 10_000) == ""


async def test_as_many_as_there_is_room_for():
    made, _, _ = reader(HOME)
    assert "Blue." not in await made.section([STEP], 150)
    assert await made.section([STEP], 10) == ""
    assert await made.section([STEP], -500) == ""
