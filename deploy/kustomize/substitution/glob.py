"""Shell patterns of `${var#pattern}` and `${var%pattern}`, where `*` crosses `/`.

Answers to the pattern matcher of Flux's fork of `drone/envsubst`, which cuts a suffix by turning the value and the
pattern's text around: a class or an escape of such a pattern is malformed then, and cuts nothing. Where it cuts bytes,
whole characters are cut here. All prefixes are tried in one pass over the value (the set of places in the pattern that
could be reached so far), so no pattern takes more than pattern times value steps.
"""

from collections.abc import Callable, Sequence

Test = Callable[[str], bool]
#: A pattern as steps: a test of one character, or None for any run of characters.
Steps = Sequence[Test | None]


def trim(value: str, pattern: str, *, suffix: bool, longest: bool) -> str:
    """Cut off what the pattern matches; a pattern that is not well formed matches nothing."""
    text, mirrored = (value[::-1], pattern[::-1]) if suffix else (value, pattern)
    steps = _compile(mirrored)
    if steps is None:
        return value
    lengths = [length for length in _matching_prefixes(text, steps) if length]
    if not lengths:
        return value
    length = max(lengths) if longest else min(lengths)
    return value[: len(value) - length] if suffix else value[length:]


def _compile(pattern: str) -> list[Test | None] | None:
    steps: list[Test | None] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            steps.append(None)
        elif character == "?":
            steps.append(lambda _: True)
        elif character == "[":
            parsed = _compile_class(pattern, at)
            if parsed is None:
                return None
            test, at = parsed
            steps.append(test)
        else:
            if character == "\\":
                if at == len(pattern):
                    return None
                character = pattern[at]
                at += 1
            steps.append(character.__eq__)
    return steps


def _compile_class(pattern: str, at: int) -> tuple[Test, int] | None:
    """Read `[...]` from behind the bracket; `^` negates, `-` makes a range, `\\` escapes."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[tuple[str, str]] = []
    while not (pattern.startswith("]", at) and ranges):
        low, at = _class_character(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _class_character(pattern, at + 1)
        if not low or not high:
            return None
        ranges.append((low, high))
    return (lambda character: any(low <= character <= high for low, high in ranges) != negated), at + 1


def _class_character(pattern: str, at: int) -> tuple[str, int]:
    """Return a character of a class and the place behind it; an empty one where there is none."""
    if pattern.startswith(("-", "]"), at):
        return "", at
    if pattern.startswith("\\", at):
        at += 1
    return pattern[at : at + 1], at + 1


def _matching_prefixes(text: str, steps: Steps) -> list[int]:
    """Return the length of every prefix that the whole pattern matches."""
    states = _reach({0}, steps)
    lengths = [0] if len(steps) in states else []
    for length, character in enumerate(text, start=1):
        advanced = set()
        for state in states:
            if state == len(steps):
                continue
            test = steps[state]
            if test is None:
                advanced.add(state)
            elif test(character):
                advanced.add(state + 1)
        states = _reach(advanced, steps)
        if not states:
            break
        if len(steps) in states:
            lengths.append(length)
    return lengths


def _reach(states: set[int], steps: Steps) -> set[int]:
    """Add the places behind runs, which may be empty."""
    reached = set(states)
    for state in states:
        place = state
        while place < len(steps) and steps[place] is None:
            place += 1
            reached.add(place)
    return reached
