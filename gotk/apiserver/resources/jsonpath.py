"""JSONPath as printer columns and selectable fields use it.

The subset: `.a.b`, `['k']`, `[0]`, `[-1]`, `[*]`, `[?(@.type=="Ready")]` and `\\.` inside a name. Answers to
`client-go/util/jsonpath`, whose dialect no library has.
"""

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

_STEP: Final = re.compile(
    r"""\.?\[\?\(\s*@(?P<left>[^=!<>]+?)\s*(?P<operator>==|!=|>=|<=|>|<)\s*(?P<right>'[^']*'|"[^"]*"|[^)]+?)\s*\)\]
      | \.?\[(?P<quote>['"])(?P<key>.*?)(?P=quote)\]
      | \.?\[(?P<index>-?\d+)\]
      | (?P<all>\.?\[\*\]|\.\*)
      | \.(?P<name>(?:\\.|[^.\[\\])+)""",
    re.VERBOSE,
)
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}
Step = Callable[[Any], Iterator[Any]]


def find(path: str, value: Any) -> list[Any]:
    """Return everything that a path leads to. Raises ValueError for a path that is none."""
    values = [value]
    for step in parse(path):
        values = [found for one in values for found in step(one)]
    return values


@functools.lru_cache(maxsize=4096)
def parse(path: str) -> tuple[Step, ...]:
    """Take a path apart. Raises ValueError where it makes no sense."""
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if text and text[0] not in ".[":
        text = f".{text}"
    steps, at = [], 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(f"unexpected character in JSONPath {path!r} at {text[at:]!r}")
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["left"]:
        return functools.partial(_filter, match["left"], _COMPARE[match["operator"]], _literal(match["right"]))
    if match["index"]:
        return functools.partial(_index, int(match["index"]))
    if match["all"]:
        return _everything
    name = match["key"] if match["key"] is not None else re.sub(r"\\(.)", r"\1", match["name"])
    return functools.partial(_field, name)


def _literal(text: str) -> Any:
    if text[0] in "'\"":
        return text[1:-1]
    if text in {"true", "false"}:
        return text == "true"
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text


def _field(name: str, value: Any) -> Iterator[Any]:
    if isinstance(value, dict) and name in value:
        yield value[name]


def _index(index: int, value: Any) -> Iterator[Any]:
    if isinstance(value, list) and -len(value) <= index < len(value):
        yield value[index]


def _everything(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()


def _filter(left: str, compare: Callable[[Any, Any], bool], right: Any, value: Any) -> Iterator[Any]:
    for item in value if isinstance(value, list) else ():
        for found in find(left, item):
            try:
                if compare(found, right):
                    yield item
            except TypeError:
                continue
