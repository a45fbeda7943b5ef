"""What two texts have in common, line by line, as `diff -u` shows it; whatever they hold, in time that grows with them.

Looking for the shortest diff takes time by the product of two lengths, and worse. That is done for what is short alone;
of longer texts lines that stand in each other's place are compared, where there are as many, and else all of them have
gone and others come.
"""

import difflib
from collections.abc import Iterator, Sequence
from typing import Final, Literal, TypeAlias

Sign = Literal["+", "-", " ", "@"]
Signed: TypeAlias = tuple[Sign, str]

#: Up to how many pairs of lines the shortest diff is looked for.
_PAIRS: Final = 40_000


def hunks(before: Sequence[str], after: Sequence[str], *, around: int = 3) -> Iterator[Signed]:
    """Yield the lines that go, come, and so many that stand around them, below lines that say where they are."""
    signed = list(_signed(before, after))
    old = new = until = 0
    for start, end in _spans(signed, around):
        skipped = start - until
        old, new, until = old + skipped, new + skipped, end  # between hunks all lines stay
        olds = sum(sign != "+" for sign, _ in signed[start:end])
        news = sum(sign != "-" for sign, _ in signed[start:end])
        yield "@", f"@@ -{_range(old, olds)} +{_range(new, news)} @@"
        yield from signed[start:end]
        old, new = old + olds, new + news


def _spans(signed: Sequence[Signed], around: int) -> Iterator[tuple[int, int]]:
    """Yield which stretches to show, begin and end."""
    begin = end = -1
    for at, (sign, _) in enumerate(signed):
        if sign == " ":
            continue
        if begin >= 0 and at - around > end:
            yield begin, end
            begin = -1
        begin = max(0, at - around) if begin < 0 else begin
        end = min(len(signed), at + 1 + around)
    if begin >= 0:
        yield begin, end


def _range(start: int, length: int) -> str:
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"


def _signed(before: Sequence[str], after: Sequence[str]) -> Iterator[Signed]:
    """Yield every line; of a change what goes before what comes."""
    gone: list[str] = []
    come: list[str] = []
    for old, new in _pairs(before, after):
        if old != new or old is None:
            gone += [] if old is None else [old]
            come += [] if new is None else [new]
            continue
        yield from _change(gone, come)
        gone, come = [], []
        yield " ", old
    yield from _change(gone, come)


def _change(gone: Sequence[str], come: Sequence[str]) -> Iterator[Signed]:
    yield from (("-", line) for line in gone)
    yield from (("+", line) for line in come)


def _pairs(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    """Yield the lines that stand in each other's place; None for one that has none there."""
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    yield from zip(before[:head], after[:head], strict=True)
    if len(old) * len(new) > _PAIRS:
        yield from zip(old, new, strict=True) if len(old) == len(new) else _apart(old, new)
    else:
        for word, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            yield from zip(old[i:j], new[k:m], strict=True) if word == "equal" else _apart(old[i:j], new[k:m])
    yield from zip(before[len(before) - tail :], after[len(after) - tail :], strict=True)


def _apart(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    yield from ((line, None) for line in old)
    yield from ((None, line) for line in new)


def _common(before: Sequence[str], after: Sequence[str]) -> int:
    """Return how many lines are the same from the beginning."""
    pairs = enumerate(zip(before, after, strict=False))
    return next((at for at, (old, new) in pairs if old != new), min(len(before), len(after)))
