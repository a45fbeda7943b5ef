"""The report of a run: whole where there is room, counted where there is none, and read back as it was written."""

from typing import Any

import msgspec
import pytest

from gotk.api import extensions
from image_automation import report, report_status
from image_automation.cli import reports
from image_automation.gating.voices import Voice
from image_automation.report import Changed, Held, Ignored, PullRequest, Push, Report


def held(number: int, *, commit: str = "c" * 40, line: int = 1) -> Held:
    return Held(
        path=f"apps/app{number}.yaml",
        line=line,
        setter="apps:web",
        old='a/"web":1.0\n',
        new="a/web:1.1",
        commit=commit,
        by='Jane\'s "x" commit 0123456789ab by Y',
    )


def ignored(number: int) -> Ignored:
    return Ignored(path="a.yaml", line=number, cause="there is no ImagePolicy x in namespace apps", setter="apps:x")


def again(found: Report) -> Report:
    text = report.write(found)
    assert text is not None
    return report.read({extensions.REPORT: text})


def test_a_report_is_read_back_as_it_was_written():
    push = Push(
        commit="1" * 40, branch="it's 'main'", changes=(Changed(path="a", line=1, setter="s", old="", new="b"),)
    )
    found = Report(push=push, held=tuple(map(held, range(12))), ignored=tuple(map(ignored, range(12))))
    assert again(found) == found


def test_a_report_of_nothing_is_no_annotation():
    assert report.write(Report()) is None
    assert report.read({}) == Report()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"held": 1}', '{"held": [{}]}', "\udcff"])
def test_what_somebody_else_wrote_there_is_an_empty_report(text: str):
    assert report.read({extensions.REPORT: text}) == Report()


def test_what_has_no_room_is_counted_and_no_commit_is_lost():
    commits = [f"{number:040x}" for number in range(50)]
    many = tuple(held(number, commit=commits[number % 50]) for number in range(5000))
    changes = tuple(Changed(path=f"{number}", line=1, setter="s", old="a", new="b") for number in range(5000))
    found = Report(push=Push(commit="1" * 40, branch="main", changes=changes), held=many, ignored=(ignored(1),))
    text = report.write(found)
    assert text is not None
    assert report.LIMIT - 3000 < len(text.encode()) <= report.LIMIT  # the room for commits that holds name is left
    kept = report.read({extensions.REPORT: text})
    assert kept.left_out is not None
    assert kept.push is not None
    assert len(kept.held) + kept.left_out.held == 5000
    assert kept.held == many[: len(kept.held)]
    assert len(kept.push.changes) + kept.push.left_out == 5000
    assert len(kept.ignored) + kept.left_out.ignored == 1
    assert set(kept.commits) == set(commits)


def test_thousands_of_commits_that_hold_something_leave_room_for_what_they_hold():
    many = tuple(held(number, commit=f"{number:040x}") for number in range(5000))
    text = report.write(Report(held=many))
    assert text is not None
    assert len(text.encode()) <= report.LIMIT
    kept = report.read({extensions.REPORT: text})
    assert kept.held == many[: len(kept.held)]
    assert len(kept.held) > 100
    assert kept.left_out is not None
    assert (kept.left_out.held, len(kept.left_out.commits)) == (5000 - len(kept.held), report.COMMITS)
    assert kept.commits == tuple(each.commit for each in many)[: len(kept.commits)]


def test_one_place_that_is_larger_than_the_annotation_is_counted():
    huge = msgspec.structs.replace(held(1), old="x" * report.LIMIT)
    kept = again(Report(held=(huge,)))
    assert (kept.held, kept.commits) == ((), ("c" * 40,))


def test_a_hold_on_another_line_is_no_news():
    assert not report.news([held(1)], [held(1, line=9)])
    assert report.news([held(1)], [held(1), held(2)])
    assert not report.news([held(1), held(2)], [held(2)])


@pytest.mark.parametrize(
    ("number", "word"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (13, "13th"), (22, "22nd"), (112, "112th")],
)
def test_ordinals_are_english(number: int, word: str):
    assert report_status.ordinal(number) == word


def test_pull_requests_are_listed_with_what_keeps_them(capsys: pytest.CaptureFixture[str]) -> None:
    kept = report.PullRequest(
        branch="up", scope="web", number=7, url="https://x/7", title="Update web", note="it waits"
    )
    alone = report.PullRequest(branch="other", scope="api", note="it has commits of others")
    reports.show(Report(pull_requests=(kept, alone)), untold=False)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[1:]]
    assert lines == [
        "#7 up web proposed Update web https://x/7: it waits",
        "other api unproposed it has commits of others",
    ]


def test_numbers_and_branches_of_pull_requests_outlive_a_full_annotation() -> None:
    kept = report.PullRequest(branch="up", scope="web", number=7, url="https://x/7", title="t" * 100, note="n" * 100)
    found = report.bounded(Report(pull_requests=(kept,), ignored=tuple(map(ignored, range(2000)))))
    assert [(each.number, each.branch, each.url) for each in found.pull_requests] == [(7, "up", "https://x/7")]


def test_since_when_a_value_waits_is_not_forgotten_where_others_fill_the_annotation():
    waits = {"kind": "AwaitingApproval", "since": "2026-01-01T12:00:00Z"}
    many = tuple(msgspec.structs.replace(held(number), **waits) for number in range(1000))
    last = msgspec.structs.replace(many[0], path="z.yaml", setter="apps:api:tag", since="2026-01-01T11:00:00Z")
    kept = report.waiting_since(again(Report(held=(*many, last))))
    assert set(kept) == {("apps:web", "a/web:1.1"), ("apps:api", "a/web:1.1")}


def test_titles_of_pull_requests_are_bounded_as_well():
    kept = tuple(PullRequest(branch=f"b{n}", scope="web", number=n + 1, title="t" * 400) for n in range(200))
    text = report.write(Report(pull_requests=kept, held=tuple(map(held, range(200)))))
    assert text is not None
    assert len(text) <= report.LIMIT
    assert len(report.read({extensions.REPORT: text}).pull_requests) == 200


def test_what_strangers_say_of_pull_requests_takes_no_room_from_what_is_held():
    said: dict[str, Any] = {"approves": True, "sha": "c" * 40, "reason": "r" * 200, "about": ("a" * 16,)}
    voices = (Voice(names=("ann",), **said), *(Voice(names=(f"eve-{n}",), stranger=True, **said) for n in range(49)))
    pulls = tuple(PullRequest(branch=f"b{n}", scope="web", number=n + 1, voices=voices) for n in range(30))
    text = report.write(Report(pull_requests=pulls, held=(held(1),)))
    assert text is not None
    assert len(text) <= report.LIMIT
    found = report.read({extensions.REPORT: text})
    assert found.held == (held(1),)
    assert {each.names for pull in found.pull_requests for each in pull.voices} == {("ann",)}


def test_a_value_of_many_kilobytes_takes_no_other_hold_along():
    large = msgspec.structs.replace(held(1), old="x" * report.LIMIT)
    text = report.write(Report(held=(large, held(2))))
    assert text is not None
    found = report.read({extensions.REPORT: text})
    assert (found.held, found.left_out and found.left_out.held) == ((held(2),), 1)
