"""What stays out of an artifact: `.sourceignore` files and `spec.ignore`, in the dialect that Flux matches them with.

Answers to `fluxcd/pkg/sourceignore` on go-git's `gitignore`, which is not quite Git's: a pattern is tried on every path
by itself, so that a later `!pattern` brings a file back even below an excluded directory. Patterns of files come
first, those of `spec.ignore` last, and the last one that matches decides. One user's pattern switches the defaults off,
but never the version control files'.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

IGNORE_FILE = ".sourceignore"

_VERSION_CONTROL = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
_DEFAULTS = (
    *("*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip"),
    *(".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml", "cloudbuild.yaml"),
    *("codeship-services.yml", "codeship-steps.yml"),
    *("**/.goreleaser.yml", "**/.sops.yaml", "**/.flux.yaml"),
)
_ANY_DEPTH = "**"

Path = tuple[str, ...]
_Matches = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of an ignore file, in force below its directory (`scope`)."""

    segments: Path
    scope: Path
    includes: bool
    directories_only: bool

    @property
    def plain(self) -> bool:
        """Whether it is one name, in force everywhere."""
        return len(self.segments) == 1 and not self.scope

    def matches(self, path: Path, *, directory: bool) -> bool:
        """Tell whether the pattern speaks about this path."""
        if len(path) <= len(self.scope) or path[: len(self.scope)] != self.scope:
            return False
        below = path[len(self.scope) :]
        return self._by_name(below, directory) if len(self.segments) == 1 else self._by_path(below, directory)

    def _by_name(self, path: Path, directory: bool) -> bool:
        """Match one of the path's names, whichever: what is below an ignored directory is ignored as well."""
        name = _compiled(self.segments[0])
        for position, part in enumerate(path):
            if name(part):
                return not (self.directories_only and not directory and position == len(path) - 1)
        return False

    def _by_path(self, path: Path, directory: bool) -> bool:
        """Match from the scope on, segment by segment; what is left of the path does not matter."""
        matched = skipping = False
        position = 0
        for number, segment in enumerate(self.segments):
            if segment == "":
                skipping = False
                continue
            if segment == _ANY_DEPTH:
                if number == len(self.segments) - 1:
                    break
                skipping = True
                continue
            if _ANY_DEPTH in segment or position == len(path):
                return False
            name = _compiled(segment)
            if skipping:
                skipping = False
                found = next((at for at in range(position, len(path)) if name(path[at])), None)
                matched = matched if found is None and position == len(path) else found is not None
                position = len(path) if found is None else found + 1
            elif name(path[position]):
                matched, position = True, position + 1
            else:
                return False
        return matched and not (self.directories_only and not directory and position == len(path))


def parse(text: str, scope: Path = ()) -> list[Pattern]:
    """Read the lines of an ignore file."""
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [_pattern(line, scope) for line in lines if not line.startswith("#") and line.strip()]


def _pattern(line: str, scope: Path) -> Pattern:
    includes = line.startswith("!")
    line = line[1:] if includes else line
    if not line.endswith("\\ "):
        line = line.rstrip(" ")
    directories_only = line.endswith("/")
    line = line[:-1] if directories_only else line
    return Pattern(tuple(line.split("/")), scope, includes, directories_only)


class Ignore:
    """Decides about the paths of one repository."""

    def __init__(self, files: Iterable[tuple[Path, str]], spec: str | None) -> None:
        """Take the ignore files with their directories, in the order of a walk, and `spec.ignore`."""
        user = [pattern for scope, text in files for pattern in parse(text, scope)]
        user += parse(spec or "")
        control = [_pattern(line, ()) for line in _VERSION_CONTROL]
        self.patterns: Sequence[Pattern] = control + (user or [_pattern(line, ()) for line in _DEFAULTS])
        numbered = list(enumerate(self.patterns))[::-1]
        self._by_name = [(number, pattern) for number, pattern in numbered if pattern.plain]
        self._by_path = [(number, pattern) for number, pattern in numbered if not pattern.plain]
        self._known: dict[tuple[str, bool], int] = {}

    def excludes(self, path: Path, *, directory: bool = False) -> bool:
        """Tell whether a path stays out; the last pattern that matches decides."""
        last = len(path) - 1
        decisive = max(self._named(name, directory or depth < last) for depth, name in enumerate(path))
        for number, pattern in self._by_path:
            if number < decisive:
                break
            if pattern.matches(path, directory=directory):
                decisive = number
                break
        return decisive >= 0 and not self.patterns[decisive].includes

    def _named(self, name: str, directory: bool) -> int:
        """Return the number of the last plain pattern that takes a name, or -1: names come again and again."""
        known = self._known.get((name, directory))
        if known is None:
            takes = (
                number
                for number, pattern in self._by_name
                if (directory or not pattern.directories_only) and _compiled(pattern.segments[0])(name)
            )
            known = self._known[name, directory] = next(takes, -1)
        return known


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> _Matches:
    """Compile a segment with the meaning of Go's `filepath.Match`; a malformed one matches nothing."""
    try:
        return segment(pattern)
    except ValueError:
        return lambda _: False


def segment(pattern: str) -> _Matches:
    """Compile a name's pattern with the meaning of Go's `path.Match`. Raises ValueError for a malformed one."""
    if not any(c in pattern for c in "*?[\\"):
        return pattern.__eq__
    tail = pattern[1:]
    if pattern.startswith("*") and not any(c in tail for c in "*?[\\"):
        return lambda name: name.endswith(tail)
    tokens = _tokens(pattern)
    return lambda name: _match(tokens, name)


#: A character's test, or None for any number of characters.
_Token = Callable[[str], bool] | None


def _tokens(pattern: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == "*":
            tokens.append(None)
            position += 1
        elif char == "?":
            tokens.append(lambda _: True)
            position += 1
        elif char == "[":
            token, position = _class(pattern, position + 1)
            tokens.append(token)
        else:
            char, position = _literal(pattern, position)
            tokens.append(char.__eq__)
    return tokens


def _literal(pattern: str, position: int) -> tuple[str, int]:
    if pattern[position] == "\\":
        position += 1
        if position == len(pattern):
            raise ValueError("nothing after the backslash")
    return pattern[position], position + 1


def _class(pattern: str, position: int) -> tuple[_Token, int]:
    """Read `[a-z]` or `[^a-z]` behind its bracket."""
    negated = pattern[position : position + 1] == "^"
    position += negated
    ranges: list[tuple[str, str]] = []
    while True:
        if position < len(pattern) and pattern[position] == "]" and ranges:
            return (lambda char: any(low <= char <= high for low, high in ranges) != negated), position + 1
        low, position = _bound(pattern, position)
        high = low
        if pattern[position] == "-":
            high, position = _bound(pattern, position + 1)
        ranges.append((low, high))


def _bound(pattern: str, position: int) -> tuple[str, int]:
    if position >= len(pattern) or pattern[position] in "-]":
        raise ValueError("malformed class")
    char, position = _literal(pattern, position)
    if position >= len(pattern):
        raise ValueError("unclosed class")
    return char, position


def _match(tokens: list[_Token], name: str) -> bool:
    """Match greedily, going back to the last star only: quadratic at worst, whatever a tenant writes."""
    at = token = 0
    star = retry = -1
    while at < len(name):
        test = tokens[token] if token < len(tokens) else _never
        if test is None:
            star, retry, token = token, at, token + 1
        elif test(name[at]):
            at, token = at + 1, token + 1
        elif star >= 0:
            retry += 1
            at, token = retry, star + 1
        else:
            return False
    return all(rest is None for rest in tokens[token:])


def _never(_: str) -> bool:
    return False
