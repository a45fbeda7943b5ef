"""Post-build variable substitution: `${var}` and its bash-like functions, in the text of one resource.

Answers to Flux's fork of `drone/envsubst`, corner by corner: only `${...}` is looked at, `$$` is an escaped `$`, the
default functions all mean the same, and in strict mode (Flux's default) a variable without a value or default is an
error. A parse is one pass from left to right; nesting is bounded, so no text can exhaust the stack.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from deploy.kustomize.substitution import glob

NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
NAME_PATTERN = "^[_[:alpha:]][_[:alpha:][:digit:]]*$"
_DEPTH = 100

BAD_SUBSTITUTION = "bad substitution"
MISSING_BRACE = "missing closing brace"
BAD_NAME = "unable to parse variable name"
BAD_ARGUMENT = "unable to parse substitution within function"
BAD_DEFAULT = "unable to parse default function"


class SubstitutionError(ValueError):
    """The text or a variable cannot be used. The message never holds a value."""


def check_names(variables: Mapping[str, str]) -> None:
    """Raise SubstitutionError for the first variable whose name could not be written in `${...}`."""
    for name in variables:
        if not NAME.fullmatch(name):
            raise SubstitutionError(f"'{name}' var name is invalid, must match '{NAME_PATTERN}'")


def substitute(text: str, variables: Mapping[str, str], *, strict: bool = True) -> str:
    """Replace every `${...}` of a text. Raises SubstitutionError."""
    if "$" not in text:
        return text
    return _Parser(text, variables, strict=strict).text()


class _Parser:
    """One pass over a text: parses and evaluates at once, which is why arguments are evaluated even when unused."""

    def __init__(self, text: str, variables: Mapping[str, str], *, strict: bool) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._variables = variables
        self._strict = strict

    def text(self) -> str:
        """Evaluate plain text up to the end: `$$` is `$`, `${` begins a substitution."""
        parts = []
        while (found := self._text.find("$", self._at)) >= 0:
            parts.append(self._text[self._at : found])
            follower = self._text[found + 1 : found + 2]
            self._at = found + (2 if follower in {"$", "{"} and follower else 1)
            parts.append(self._function() if follower == "{" else "$")
        parts.append(self._text[self._at :])
        return "".join(parts)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, count: int = 1) -> str:
        taken = self._text[self._at : self._at + count]
        self._at += count
        return taken

    def _close(self, message: str = BAD_SUBSTITUTION) -> None:
        if self._take() != "}":
            raise SubstitutionError(message)

    def _function(self) -> str:
        """Evaluate from behind `${` to behind its `}`."""
        self._depth += 1
        if self._depth > _DEPTH:
            raise SubstitutionError(f"substitutions nested deeper than {_DEPTH} levels")
        value = self._length() if self._peek() == "#" else self._named()
        self._depth -= 1
        return value

    def _length(self) -> str:
        self._take()
        name = self._identifier()
        if not name:
            raise SubstitutionError(BAD_SUBSTITUTION)
        self._close()
        return str(len(self._value(name).encode()))

    def _named(self) -> str:
        name = self._identifier()
        if not name:
            raise SubstitutionError(BAD_NAME)
        mark = self._peek()
        if mark == "=" or (mark == ":" and self._text[self._at + 1 : self._at + 2] in set("=-?+")):
            return self._default(name, len(mark) if mark == "=" else 2)
        if mark == ":":
            return self._substring(name)
        if mark in {",", "^"}:
            return self._case(name)
        if mark == "/":
            return self._replace(name)
        if mark in {"#", "%"}:
            return self._trim(name, mark)
        self._close(MISSING_BRACE)
        return self._value(name)

    def _identifier(self) -> str:
        start = self._at
        while (character := self._peek()) and (character == "_" or character.isalpha() or character.isdecimal()):
            self._at += 1
        return self._text[start : self._at]

    def _value(self, name: str, *, exempt: bool = False) -> str:
        value = self._variables.get(name)
        if value is None and self._strict and not exempt:
            raise SubstitutionError(f'variable not set (strict mode): "{name}"')
        return value or ""

    def _argument(self, stops: str, *, escapes: bool = False) -> str:
        """Evaluate one argument: a single nested substitution, or text up to a stop or a nested substitution."""
        if self._text.startswith("${", self._at):
            self._take(2)
            return self._function()
        parts: list[str] = []
        while (character := self._peek()) and not (parts and self._text.startswith("${", self._at)):
            if escapes and (self._text[self._at : self._at + 2] in {"\\/", "\\\\", "$$"}):
                self._take()
            elif character in stops:
                break
            parts.append(self._take())
        if not parts:
            raise SubstitutionError(BAD_ARGUMENT)
        return "".join(parts)

    def _default(self, name: str, width: int) -> str:
        self._take(width)
        parts = []
        while self._peek() != "}":
            parts.append(self._argument("}"))
        self._close()
        return self._value(name, exempt=True) or "".join(parts)

    def _substring(self, name: str) -> str:
        self._take()
        arguments = [self._argument(":}")]
        if self._peek() == ":":
            while self._peek() == ":":
                self._take()
            arguments.append(self._argument("}"))
        self._close()
        return _slice(self._value(name), arguments)

    def _case(self, name: str) -> str:
        start = self._at
        while self._peek() in {",", "^"} and self._at - start < 2:
            self._take()
        function = _CASES.get(self._text[start : self._at], str)
        self._close()
        return function(self._value(name))

    def _trim(self, name: str, mark: str) -> str:
        width = 2 if self._text.startswith(mark * 2, self._at) else 1
        self._take(width)
        pattern = self._argument("}")
        self._close()
        return glob.trim(self._value(name), pattern, suffix=mark == "%", longest=width == 2)

    def _replace(self, name: str) -> str:
        self._take()
        where = self._take() if self._peek() in {"/", "#", "%"} else ""
        old = self._argument("/", escapes=True)
        if self._take() != "/":
            raise SubstitutionError(BAD_SUBSTITUTION)
        new = None if self._peek() == "}" else self._argument("}", escapes=True)
        self._close()
        return _replace(self._value(name), where, old, new)


def _upper(text: str) -> str:
    return "".join(upper if len(upper := character.upper()) == 1 else character for character in text)


def _lower(text: str) -> str:
    return "".join(lower if len(lower := character.lower()) == 1 else character for character in text)


_CASES: Mapping[str, Callable[[str], str]] = {
    "^": lambda text: _upper(text[:1]) + text[1:],
    "^^": _upper,
    ",": lambda text: _lower(text[:1]) + text[1:],
    ",,": _lower,
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")


def _slice(value: str, arguments: Sequence[str]) -> str:
    """Cut by bytes; a position or length that is no number leaves the value as it is."""
    if not all(_INTEGER.fullmatch(argument) for argument in arguments):
        return value
    body = value.encode()
    start = int(arguments[0])
    if start < 0:
        start = max(0, len(body) + start)
    end = start + int(arguments[1]) if len(arguments) > 1 else len(body)
    if end < start <= len(body) and len(arguments) > 1:
        raise SubstitutionError(f"{BAD_SUBSTITUTION}: the length of a substring is negative")
    try:
        return body[start:end].decode()
    except UnicodeDecodeError:
        raise SubstitutionError(f"{BAD_SUBSTITUTION}: the substring cuts a character in two") from None


def _replace(value: str, where: str, old: str, new: str | None) -> str:
    """Replace text; at the start or the end only where there is something to replace it with."""
    if where == "/":
        return value.replace(old, new or "")
    if where == "":
        return value.replace(old, new or "", 1)
    if new is None:
        return value
    if where == "#":
        return new + value.removeprefix(old) if value.startswith(old) else value
    return value.removesuffix(old) + new if value.endswith(old) else value
