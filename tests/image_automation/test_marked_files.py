"""What is marked in a checkout, on which line, and who wrote each value last."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from image_automation import marked_files
from image_automation.marked_files import Opened
from image_automation.update.lines import kinds
from tests.image_automation.automating import FILE
from tests.image_automation.planned import Ground
from tests.running import NOON

TWO = FILE + '  tag: "7" # {"$imagepolicy": "apps:db:tag"}\n'


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground(tmp_path, {"apps/web.yaml": TWO, "README.md": "x"})
    yield made
    made.limiter.close()


async def opened(ground: Ground, path: str = "apps/web.yaml") -> Opened:
    found = await ground.files.open(ground.automation, path)
    assert found is not None
    return found


async def test_files_are_listed_with_what_would_change_and_what_has_no_effect(ground: Ground) -> None:
    found = await ground.files.checkout(ground.automation)
    listed = [(each.path, each.marks, each.changes, each.held, each.ignored) for each in found.files]
    assert (listed, found.commit) == ([("apps/web.yaml", 2, 1, 0, 1)], ground.head)


async def test_each_marked_value_has_its_line_and_the_commit_that_wrote_it(ground: Ground) -> None:
    first = ground.head
    await ground.run()
    pushed = ground.head
    ground.commit({"apps/web.yaml": ground.text() + "# a comment\n"}, when=NOON + timedelta(minutes=1))
    marks = [(each.line, each.setter, each.value, each.writer) for each in (await opened(ground)).marks]
    assert [mark[:3] for mark in marks] == [(5, "apps:web", "a/web:1.1"), (6, "apps:db:tag", "7")]
    assert [(each[3].commit, each[3].name) for each in marks if each[3]] == [(pushed, "Bot"), (first, "GitOps")]


async def test_what_was_written_before_the_history_that_is_here_is_nobodys(ground: Ground) -> None:
    """The mirror holds some fifty commits."""
    for number in range(55):
        ground.commit({"README.md": str(number)}, when=NOON + timedelta(minutes=number))
    assert [each.writer for each in (await opened(ground)).marks] == [None, None]


async def test_a_file_that_the_automation_does_not_keep_is_not_opened(ground: Ground) -> None:
    assert await ground.files.open(ground.automation, "README.md") is None
    assert await ground.files.open(ground.automation, "../../etc/passwd") is None


def test_marks_of_text_files_are_found_as_those_of_yaml() -> None:
    text = b'# {"$imagepolicy": "apps:web"}\nFROM a/web:1.0\n# {"$imagepolicy": "apps:db:tag"}\nARG DB=7\n'
    found = marked_files.marked("Dockerfile", text, kinds.of("Dockerfile"))
    assert [(each.setter, each.old) for each in found] == [("apps:web", "a/web:1.0"), ("apps:db:tag", "7")]
