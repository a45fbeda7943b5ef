"""Label and field selectors: text in, a test over values out.

Answers to `apimachinery/pkg/labels` (its lexer and its errors) and `apimachinery/pkg/fields`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r"\s*(?:(==|!=|[=!<>(),])|([^\s=!<>(),]+))")
_SYMBOLS: Final = frozenset({"==", "!=", "=", "!", "<", ">", "(", ")", ","})
_OPERATORS: Final = "in, notin, =, ==, !=, gt, lt"
_NAME: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_DNS: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_PART: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_PREFIX_PART: Final = (
    "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
    "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_VALUE: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One statement about one key. Operators: `in`, `notin`, `exists`, `!`, `gt`, `lt`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, values: Mapping[str, str]) -> bool:
        """Whether the statement holds. An absent key is not in, and is notin."""
        found = values.get(self.key)
        match self.operator:
            case "in":
                return found is not None and found in self.values
            case "notin":
                return found is None or found not in self.values
            case "exists":
                return found is not None
            case "!":
                return found is None
        try:
            left, right = int(found or ""), int(self.values[0])
        except ValueError:
            return False
        return left > right if self.operator == "gt" else left < right


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements, all of which must hold."""

    requirements: tuple[Requirement, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that are looked at."""
        return tuple(requirement.key for requirement in self.requirements)

    def matches(self, values: Mapping[str, str]) -> bool:
        """Whether every requirement holds."""
        return all(requirement.matches(values) for requirement in self.requirements)

    def exact(self, key: str) -> str | None:
        """Return the one value that a key must have, where the selector says so."""
        for requirement in self.requirements:
            if requirement.key == key and requirement.operator == "in" and len(requirement.values) == 1:
                return requirement.values[0]
        return None


def parse_labels(text: str) -> Selector:
    """Read `a=b,c!=d,e in (f,g),h,!i`. Raises ValueError in upstream's words."""
    return Selector(tuple(_Labels(text).requirements()))


def parse_fields(text: str) -> Selector:
    """Read `a=b,c!=d`; a backslash escapes `,`, `=` and itself. Raises ValueError in upstream's words."""
    found = []
    for part in re.split(r"(?<!\\),", text):
        if not part:
            continue
        for operator, name in (("!=", "notin"), ("==", "in"), ("=", "in")):
            key, sign, value = _split(part, operator)
            if sign:
                found.append(Requirement(key, name, (re.sub(r"\\([\\,=])", r"\1", value),)))
                break
        else:
            raise ValueError(f"invalid selector: '{text}'; can't understand '{part}'")
    return Selector(tuple(found))


def _split(part: str, operator: str) -> tuple[str, str, str]:
    match = re.search(r"(?<!\\)" + operator, part)
    return (part[: match.start()], operator, part[match.end() :]) if match else (part, "", "")


class _Labels:
    """A parser over tokens; the empty token is the end."""

    def __init__(self, text: str) -> None:
        self._tokens = [match[1] or match[2] for match in _TOKEN.finditer(text.strip())] + [""]
        self._at = 0

    def _look(self) -> str:
        return self._tokens[self._at]

    def _take(self) -> str:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def requirements(self) -> Iterator[Requirement]:
        if not self._look():
            return
        while True:
            first = self._look()
            if first != "!" and (first in _SYMBOLS or not first):
                raise ValueError(f"found '{first}', expected: !, identifier, or 'end of string'")
            try:
                yield self._requirement()
            except ValueError as error:
                raise ValueError(f"unable to parse requirement: {error}") from error
            following = self._take()
            if not following:
                return
            if following != ",":
                raise ValueError(f"found '{following}', expected: ',' or 'end of string'")
            after = self._look()
            if after != "!" and (after in _SYMBOLS or not after):
                raise ValueError(f"found '{after}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        absent = self._look() == "!"
        if absent:
            self._take()
        key = self._identifier()
        _check_key(key)
        if absent or self._look() in {"", ","}:
            return Requirement(key, "!" if absent else "exists")
        operator = self._take()
        match operator:
            case "in" | "notin":
                values = self._values()
            case "=" | "==" | "!=":
                values = (self._exact(),)
            case ">" | "<":
                values = (self._exact(),)
                if not re.fullmatch(r"[+-]?\d+", values[0]):
                    where = f'values[0][{key}]: Invalid value: "{values[0]}"'
                    raise ValueError(f"{where}: for 'Gt', 'Lt' operators, the value must be an integer")
            case _:
                raise ValueError(f"found '{operator}', expected: {_OPERATORS}")
        for value in values:
            _check_value(key, value)
        names = {"=": "in", "==": "in", "!=": "notin", ">": "gt", "<": "lt"}
        return Requirement(key, names.get(operator, operator), values)

    def _identifier(self) -> str:
        token = self._take()
        if token in _SYMBOLS or not token:
            raise ValueError(f"found '{token}', expected: identifier")
        return token

    def _exact(self) -> str:
        return "" if self._look() in {"", ","} else self._identifier()

    def _values(self) -> tuple[str, ...]:
        if (found := self._take()) != "(":
            raise ValueError(f"found '{found}', expected: '('")
        values: list[str] = []
        while True:
            found = self._look()
            if found == ")":
                self._take()
                return tuple(values) or ("",)
            if found == ",":
                self._take()
                if self._look() in {",", ")"}:
                    values.append("")
            elif found in _SYMBOLS or not found:
                raise ValueError(f"found '{found}', expected: ',', ')' or identifier")
            else:
                values.append(self._take())


def _check_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    problem = ""
    if slash and not _DNS.fullmatch(prefix):
        problem = _PREFIX_PART
    elif len(name) > 63:
        problem = "name part must be no more than 63 bytes"
    elif not _NAME.fullmatch(name):
        problem = _NAME_PART
    if problem:
        raise ValueError(f'key: Invalid value: "{key}": {problem}')


def _check_value(key: str, value: str) -> None:
    if value and (len(value) > 63 or not _NAME.fullmatch(value)):
        problem = "must be no more than 63 bytes" if len(value) > 63 else _VALUE
        raise ValueError(f'values[0][{key}]: Invalid value: "{value}": {problem}')
