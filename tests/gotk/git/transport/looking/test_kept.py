"""Whom a connection that waits is lent to, and when it is closed."""

from dataclasses import dataclass

import pytest

from gotk.git.transport.looking.kept import Kept


@dataclass(eq=False)
class Line:
    """A connection that remembers that it was closed."""

    made: float = 0.0
    good: bool = True
    closed: bool = False

    def usable(self) -> bool:
        return self.good

    def close(self) -> None:
        assert not self.closed
        self.closed = True


class Pool:
    """Connections at a time that the test sets."""

    def __init__(self, most: int = 3) -> None:
        self.now = 0.0
        self.kept: Kept[Line] = Kept(most=most, clock=lambda: self.now)


@pytest.fixture
def pool() -> Pool:
    return Pool()


def test_a_connection_is_lent_to_one_at_a_time_and_to_its_key_alone(pool: Pool) -> None:
    line = Line()
    pool.kept.give("a", line)
    assert pool.kept.take("b") is None
    assert pool.kept.take("a") is line
    assert pool.kept.take("a") is None
    assert not line.closed


def test_the_one_that_came_last_is_lent_first(pool: Pool) -> None:
    lines = [Line(), Line()]
    for line in lines:
        pool.kept.give("a", line)
    assert [pool.kept.take("a"), pool.kept.take("a")] == lines[::-1]


@pytest.mark.parametrize(
    ("now", "line"),
    [
        pytest.param(301, Line(), id="waited too long"),
        pytest.param(299, Line(made=-1600), id="too old"),
        pytest.param(1, Line(good=False), id="the other side has gone"),
    ],
)
def test_what_cannot_be_used_any_more_is_closed(pool: Pool, now: float, line: Line) -> None:
    pool.kept.give("a", line)
    pool.now = now
    assert pool.kept.take("a") is None
    assert line.closed


def test_those_that_nobody_asked_for_go_when_another_comes(pool: Pool) -> None:
    old, other = Line(), Line()
    pool.kept.give("replaced", old)
    pool.now = 301
    pool.kept.give("a", other)
    assert (old.closed, other.closed) == (True, False)


def test_the_longest_unused_goes_where_they_are_too_many(pool: Pool) -> None:
    lines = {key: Line() for key in "abcd"}
    for key in "abc":
        pool.kept.give(key, lines[key])
    pool.kept.give("a", pool.kept.take("a") or Line())
    pool.kept.give("d", lines["d"])
    assert [key for key, line in lines.items() if line.closed] == ["b"]


def test_in_the_end_all_are_closed(pool: Pool) -> None:
    lines = [Line(), Line()]
    for key, line in zip("ab", lines, strict=True):
        pool.kept.give(key, line)
    pool.kept.close()
    assert all(line.closed for line in lines)
    assert pool.kept.take("a") is None
