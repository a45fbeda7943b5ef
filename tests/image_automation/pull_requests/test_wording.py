"""What a pull request says, and what nobody can make it say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gotk.api.image import ImageRef
from gotk.runtime.errors import Stalled
from gotk.runtime.reconciler import Key
from image_automation.pull_requests import wording
from image_automation.pull_requests.scoping import Scope
from image_automation.pull_requests.settings import Settings
from image_automation.pull_requests.wording import Content
from image_automation.update.proposal import Hold, Proposal
from image_automation.update.result import Change, FileResult

SEEN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def change(name: str = "web", old: str = "a/web:1.0", new: str = "a/web:1.1", line: int = 5) -> Change:
    return Change(f"apps:{name}", old, new, line)


def content(*changes: Change, path: str = "apps/web.yaml", **fields: Any) -> Content:
    file = FileResult(path, content=b"", changes=changes or (change(),))
    known: dict[str, Any] = {"holds": ()}
    known.update({name: fields.pop(name) for name in list(fields) if name in known})
    return Content(
        automation=Key("apps", "auto"),
        scope=Scope("web", frozenset({"web"})),
        proposal=Proposal((file,), **known),
        images={"web": ImageRef(name="a/web", tag="1.1", digest="sha256:" + "a" * 64)},
        base="main",
        values={},
        **fields,
    )


def test_the_default_names_image_step_kind_place_digest_and_what_is_held():
    held = Hold("apps/api.yaml", change("api", "a/api:1", "a/api:2"), kind="Frozen", message="frozen: a sale")
    body = wording.body(Settings(), content(first_seen=lambda _, __: SEEN, holds=(held,)))
    assert "| Image | From | To | Change | First seen | Places |" in body
    assert "| `a/web` | `1.0` | `1.1` | minor | 2026-01-01T12:00:00Z | `apps/web.yaml:5` |" in body
    assert f"- `a/web:1.1` is `sha256:{'a' * 64}`" in body
    assert "- `apps/api.yaml:5: policy api: a/api:1 stays, a/api:2 is not written yet: frozen: a sale`" in body
    assert "`image-automation unhold auto -n apps`" in body


def test_the_same_is_always_worded_the_same():
    assert wording.body(Settings(), content()) == wording.body(Settings(), content())


@pytest.mark.parametrize(
    "hostile",
    ["`@all` <img src=x>", "a|b|c", "1.0\n\n# Merged by the boss", "\u202e1.0", "[x](https://evil)", "\\`", "```\nx"],
)
def test_what_a_repository_holds_is_no_markup(hostile: str):
    body = wording.body(Settings(), content(change(old=hostile), path=f"apps/{hostile}.yaml"))
    table = body.partition("\n\n")[0].splitlines()
    assert len(table) == 3
    cells = table[2].strip("| ").split(" | ")
    assert len(cells) == 5
    for cell in (cells[1], cells[4]):
        assert cell.startswith("`")
        assert cell.endswith("`")
        assert cell.count("`") == 2
        assert cell.isprintable()


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["web"], "Update web from 1.0 to 1.1"),
        (["web", "api"], "Update api to 1.1 and web to 1.1"),
        (["a", "b", "c", "d"], "Update 4 images"),
    ],
)
def test_the_title_names_what_changes(names: list[str], title: str):
    found = content(*(change(name, line=line) for line, name in enumerate(names, 1)))
    assert wording.title(Settings(), found) == title


def test_many_places_are_counted():
    body = wording.body(Settings(), content(*(change(line=line) for line in range(1, 9))))
    assert "`apps/web.yaml:5`<br>and 3 more |" in body


@pytest.mark.parametrize(
    ("template", "cause"),
    [
        ("{{ .Nothing }}", "`branch`: "),
        ("{{ if }}", "`branch`: "),
        ("a b", "which is no name of a branch"),
        ("main", "the branch that is proposed to"),
    ],
)
def test_a_branch_that_cannot_be_is_named(template: str, cause: str):
    with pytest.raises(Stalled, match="annotation image-automation") as caught:
        wording.branch(Settings(branch=template), content())
    assert cause in caught.value.message


def test_templates_see_the_steps():
    step = "{{ .Policy }} {{ .Image }} {{ .Old }} {{ .New }} {{ .Level }}"
    template = "{{ .Scope }} to {{ .Base }}:{{ range .Updates }} " + step + "{{ end }}"
    assert wording.title(Settings(title=template), content()) == "web to main: web a/web 1.0 1.1 minor"
