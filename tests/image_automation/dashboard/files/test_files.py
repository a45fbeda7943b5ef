"""The pages of files: marked values boxed, by whom they were written, and what has no effect and why."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from image_automation.dashboard.files import file
from image_automation.dashboard.page import Knows
from tests.image_automation.automating import FILE
from tests.image_automation.dashboard.showing import HTML, JSON, Held, shown
from tests.image_automation.planned import KINDS, Ground

HOSTILE = "<script>alert(1)</script>"
TEXT = (
    FILE
    + '  list:\n    # {"$imagepolicy": "apps:web:tag"}\n    - "1.0"\n'
    + f'  note: "{HOSTILE}" # {{"$imagepolicy": "apps:none"}}\n'
)
PATH = "/files/apps/auto/apps/web.yaml"
HOLDERS = {"full": Held("ada", rules=frozenset({("*", "*", "*")}))}


@asynccontextmanager
async def files(folder: Path, text: str = TEXT) -> AsyncIterator[tuple[Any, Ground]]:
    ground = Ground(folder, {"apps/web.yaml": text, f"apps/{HOSTILE.replace('/', '')}.yaml": FILE})
    with ground.limiter:
        async with shown(ground.cluster, holders=HOLDERS, knows=Knows(files=ground.files), kinds=KINDS) as client:
            yield client, ground


async def get(client: Any, path: str = PATH, who: str = "full", *, html: bool = False) -> Any:
    headers = (HTML if html else JSON) | ({"Authorization": f"Bearer {who}"} if who else {})
    answer = await client.get(path, headers=headers)
    assert answer.status == 200, await answer.text()
    return await answer.text() if html else await answer.json()


async def test_marked_values_are_boxed_with_policy_and_writer(tmp_path: Path) -> None:
    async with files(tmp_path) as (client, ground):
        found = await get(client)
    marks = [(each["line"], each["policy"], each["value"], each.get("new"), each["commit"]) for each in found["marks"]]
    head = ground.head
    assert marks == [
        (5, "web", "a/web:1.0", "a/web:1.1", head),
        (7, "web", "1.0", "1.1", head),
        (9, "none", HOSTILE, None, head),
    ]
    boxes = [(each["number"], each["text"][each["start"] : each["end"]]) for each in found["lines"] if "end" in each]
    assert boxes == [(5, "a/web:1.0"), (8, "1.0"), (9, HOSTILE)]
    assert found["ignored"] == [{"line": 9, "cause": "there is no ImagePolicy none in namespace apps"}]


async def test_a_files_text_and_name_are_shown_as_text(tmp_path: Path) -> None:
    async with files(tmp_path) as (client, _):
        listed, page = await get(client, "/files/apps/auto", html=True), await get(client, html=True)
    assert HOSTILE not in page
    assert "<mark>&lt;script&gt;alert(1)&lt;/script&gt;</mark>" in page
    assert "<script>alert" not in listed
    assert "/files/apps/auto/apps/%3Cscript%3Ealert%281%29%3Cscript%3E.yaml" in listed


async def test_the_text_is_for_who_may_get_the_repository_and_marks_are_for_all(tmp_path: Path) -> None:
    async with files(tmp_path) as (client, _):
        found = await get(client, who="")
    assert "lines" not in found
    assert found["note"] == "sign in as somebody who may get the GitRepository to see the text"
    assert len(found["marks"]) == 3


async def test_of_a_long_file_only_the_lines_around_marks_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "_WHOLE", 20)
    async with files(tmp_path, FILE + "# more\n" * 40) as (client, _):
        found = await get(client)
    assert found["cut"]
    assert [each["number"] for each in found["lines"]] == list(range(1, 10))


async def test_files_are_listed_searched_and_linked_from_the_automation(tmp_path: Path) -> None:
    async with files(tmp_path) as (client, _):
        assert [each["source"] for each in (await get(client, "/files"))["checkouts"]] == ["apps/fleet"]
        found = await get(client, "/files/apps/auto?q=web")
    assert [(each["path"], each["marks"], each["changes"], each["ignored"]) for each in found["files"]] == [
        ("apps/web.yaml", 3, 2, 1)
    ]
    assert found["total"] == 2


@pytest.mark.parametrize("path", ["README.md", "../secret", "%2e%2e/%2e%2e/etc/passwd"])
async def test_only_marked_files_are_opened(tmp_path: Path, path: str) -> None:
    async with files(tmp_path) as (client, _):
        assert (await client.get(f"/files/apps/auto/{path}", headers=JSON)).status == 404


async def test_a_repository_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    async with files(tmp_path) as (client, ground):
        ground.cluster.change("GitRepository", "apps", "fleet", {"spec": {"url": "file:///nowhere/at/all"}})
        assert "nowhere" in (await get(client))["problem"]
        assert "nowhere" in (await get(client, "/files/apps/auto"))["problem"]


async def test_of_a_file_with_very_many_marks_the_first_are_listed(tmp_path: Path) -> None:
    value = '  - image: a/web:1.0 # {"$imagepolicy": "apps:web"}\n'
    async with files(tmp_path, f"spec:\n{value * 600}") as (client, _):
        found, page = await get(client), await get(client, html=True)
    assert (len(found["marks"]), found["leftOut"]) == (500, 100)
    assert [each["new"] for each in found["marks"][-1:]] == ["a/web:1.1"]
    assert "and 100 more" in page
