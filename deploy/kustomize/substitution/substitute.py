"""Post-build variable substitution: `${var}` and its bash-like functions, in the text of one resource.

Answers to Flux's fork of `drone/envsubst`, corner by corner: only `${...}` is looked at, `$$` is an escaped `$`, the
default functions all mean the same, and in strict mode (Flux's default) a variable without a value or default is an
error. Nesting is bounded, so no text can exhaust the stack.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

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


def substitute(text: str, variables: Mapping[str, str], *, strict: bool) -> str:
    """Replace every `${...}` of a text. Raises SubstitutionError."""
    if "$" not in text:
        return text
    parts = list(_Parser(text, variables, strict=strict).parts())
    result = "".join([part() for part in parts])
    try:
        result.encode()
    except UnicodeEncodeError:
        raise SubstitutionError(f"{BAD_SUBSTITUTION}: the substring cuts a character in two") from None
    return result


#: A part of a text that is worked out when all of it has been read: text, or what gives text.
_Part = Callable[[], str]


class _Parser:
    """Reads a text from left to right, whole before anything is worked out: what cannot be read is told first."""

    def __init__(self, text: str, variables: Mapping[str, str], *, strict: bool) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._variables = variables
        self._strict = strict

    def parts(self) -> Iterator[_Part]:
        """Read plain text up to the end: `$$` is `$`, `${` begins a substitution."""
        while (found := self._text.find("$", self._at)) >= 0:
            yield _literal(self._text[self._at : found])
            follower = self._text[found + 1 : found + 2]
            self._at = found + (2 if follower in {"$", "{"} and follower else 1)
            yield self._function() if follower == "{" else _literal("$")
        yield _literal(self._text[self._at :])

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, count: int = 1) -> str:
        taken = self._text[self._at : self._at + count]
        self._at += count
        return taken

    def _close(self, message: str = BAD_SUBSTITUTION) -> None:
        if self._take() != "}":
            raise SubstitutionError(message)

    def _function(self) -> _Part:
        """Read from behind `${` to behind its `}`."""
        self._depth += 1
        if self._depth > _DEPTH:
            raise SubstitutionError(f"substitutions nested deeper than {_DEPTH} levels")
        part = self._length() if self._peek() == "#" else self._named()
        self._depth -= 1
        return part

    def _length(self) -> _Part:
        self._take()
        name = self._identifier()
        if not name:
            raise SubstitutionError(BAD_SUBSTITUTION)
        self._close()
        return lambda: str(len(self._value(name).encode()))

    def _named(self) -> _Part:
        name = self._identifier()
        if not name:
            raise SubstitutionError(BAD_NAME)
        mark = self._peek()
        if mark == "=" or (mark == ":" and self._text[self._at + 1 : self._at + 2] in set("=-?+")):
            return self._default(name, len(mark) if mark == "=" else 2)
        if mark == ":":
            follower = self._text[self._at + 1 : self._at + 2]
            if not follower.isascii() or not follower:  # upstream steps back by the follower's width, not the colon's
                raise SubstitutionError(BAD_SUBSTITUTION)
            return self._substring(name)
        if mark in {",", "^"}:
            return self._case(name)
        if mark == "/":
            return self._replace(name)
        if mark in {"#", "%"}:
            return self._trim(name, mark)
        self._close(MISSING_BRACE)
        return lambda: self._value(name)

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

    def _argument(self, stops: str, *, escapes: bool = False) -> _Part:
        """Read one argument: a single nested substitution, or text up to a stop or a nested substitution."""
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
        return _literal("".join(parts))

    def _default(self, name: str, width: int) -> _Part:
        self._take(width)
        arguments = []
        while self._peek() != "}":
            arguments.append(self._argument("}"))
        self._close()

        def evaluate() -> str:
            default = "".join([argument() for argument in arguments])  # told of, even where it is not needed
            return self._value(name, exempt=True) or default

        return evaluate

    def _substring(self, name: str) -> _Part:
        self._take()
        arguments = [self._argument(":}")]
        if self._peek() == ":":
            self._take_all(":")
            arguments.append(self._argument("}"))
        self._close()

        def evaluate() -> str:
            bounds = [argument() for argument in arguments]
            return _slice(self._value(name), bounds)

        return evaluate

    def _take_all(self, mark: str) -> None:
        while self._peek() == mark:
            self._take()

    def _case(self, name: str) -> _Part:
        start = self._at
        while self._peek() in {",", "^"} and self._at - start < 2:
            self._take()
        function = _CASES.get(self._text[start : self._at], str)
        self._close()
        return lambda: function(self._value(name))

    def _trim(self, name: str, mark: str) -> _Part:
        width = 2 if self._text.startswith(mark * 2, self._at) else 1
        self._take(width)
        argument = self._argument("}")
        self._close()

        def evaluate() -> str:
            pattern = argument()
            return glob.trim(self._value(name), pattern, suffix=mark == "%", longest=width == 2)

        return evaluate

    def _replace(self, name: str) -> _Part:
        self._take()
        where = self._take() if self._peek() in {"/", "#", "%"} else ""
        old = self._argument("/", escapes=True)
        if self._peek() != "/":
            raise SubstitutionError(BAD_SUBSTITUTION)
        self._take_all("/")  # any number of slashes separate, as colons do
        new = None if self._peek() == "}" else self._argument("}", escapes=True)
        self._close()

        def evaluate() -> str:
            replaced, replacement = old(), None if new is None else new()
            return _replace(self._value(name), where, replaced, replacement)

        return evaluate


def _literal(text: str) -> _Part:
    return lambda: text


def _upper(text: str) -> str:
    return "".join(_single(character, character.upper(), character.title()) for character in text)


def _lower(text: str) -> str:
    return "".join(_single(character, character.lower(), character.lower()[0]) for character in text)


def _single(character: str, *candidates: str) -> str:
    """Return the first mapping that is one character, as Go's are; the character itself where there is none."""
    return next((candidate for candidate in candidates if len(candidate) == 1), character)


_CASES: Mapping[str, Callable[[str], str]] = {
    "^": lambda text: _upper(text[:1]) + text[1:],
    "^^": _upper,
    ",": lambda text: _lower(text[:1]) + text[1:],
    ",,": _lower,
}
_INTEGER = re.compile(r"[-+]?0*[0-9]{1,19}")
_INT64 = range(-(1 << 63), 1 << 63)


def _slice(value: str, arguments: Sequence[str]) -> str:
    """Cut by bytes; a position or length that is no number leaves the value as it is.

    Half of a character becomes a surrogate, which may still be dropped by what uses the substring.
    """
    if not all(_INTEGER.fullmatch(argument) and int(argument) in _INT64 for argument in arguments):
        return value
    body = value.encode()
    start = int(arguments[0])
    if start < 0:
        start = max(0, len(body) + start)
    end = start + int(arguments[1]) if len(arguments) > 1 else len(body)
    if end < start <= len(body) and len(arguments) > 1:
        raise SubstitutionError(f"{BAD_SUBSTITUTION}: the length of a substring is negative")
    return body[start:end].decode("utf-8", "surrogateescape")


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
