"""Tags and policies out of thin air: what people write, what they mistype, and what only chance would think of."""

from random import Random
from typing import Any

_WORDS = (
    "latest",
    "stable",
    "edge",
    "nightly",
    "dev",
    "alpine",
    "main",
    "x",
    "V1.0.0",
    "1",
    "1.2",
    "v2",
    "release-1.0.0",
)
_PRERELEASES = ("rc.1", "rc.2", "rc.10", "alpha", "beta.3", "0", "SNAPSHOT", "a-b", "01", "rc1", "1.alpha", "dev-5")
_NUMBERS = (
    "10",
    "9",
    "007",
    "1e3",
    "1.5",
    "-3",
    "0x10p2",
    "1_000",
    "_1",
    "inf",
    "nan",
    "1.",
    ".5",
    "1e400",
    "2147483648",
)
_PATTERNS = (
    "^main-", "^main-[a-f0-9]+-(?P<ts>[0-9]+)$", "(?P<major>[0-9]+)\\.(?P<minor>[0-9]+)",
    "^v?(.*)$", "^(v)?([0-9.]+)(-.*)?$",
    "-(rc|beta)\\.?([0-9]*)", "[0-9]", "^[^-]*$", "(?i)^V", "^(?P<a>[a-z]*)-?(?P<b>.*)", "(?P<n>[0-9]+)$",
    "x*", "", "(", "[a-",
    "^.{1,5}$", "\\d+\\.\\d+\\.\\d+", "^(1|2)\\.", "\\bmain\\b", "[[:alpha:]]+", "(?P<ts>\\d{4,})",
    "^$", "a|b|1", "(a)(b)?",
    "(?<n>[0-9]+)$", "(?!x)", "\\Amain", "main\\z", "(?s).", "(?U)1.*", "\\pL+", "^((a|b|c)+-)*",
)  # fmt: skip
_EXTRACTS = (
    "$ts", "${ts}", "$1", "$2", "${2}${1}", "$1.$2.0", "$0", "$$", "$n", "${n}", "$major.$minor.0", "$majorx",
    "x", "$", "${",
    "${}", "$1x", "${1}x", "1.0.$n", "$b", "$a-$b", "$3", "${major}${minor}", "$-", "v$2", "$01", "${01}", "$100",
)  # fmt: skip
#: Filters behind which there are numbers, in one list or another.
_NUMBERED = (
    {"pattern": "^[0-9]+$"}, {"pattern": "-(?P<ts>[0-9]+)$", "extract": "$ts"},
    {"pattern": "^v?(?P<major>[0-9]+)", "extract": "${major}"},
    {"pattern": "^([0-9]+)\\.([0-9]+)", "extract": "$2.$1"}, {"pattern": "([0-9])(e|_|\\.)?", "extract": "$1"},
)  # fmt: skip
_OPERATORS = ("", "", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^", "> ", ">= ", "^ ", "==", "><")


def tags(chance: Random) -> list[str]:
    """Make up a list: mostly versions, builds or numbers, with strangers among them."""
    kind = chance.choice((_version, _version, _build, _number, _calendar))
    count = chance.choice((1, 3, 10, 30, 80))
    found = [(kind if chance.random() < 0.9 else _stranger)(chance) for _ in range(count)]
    if kind is _number and chance.random() < 0.7:
        found = [tag for tag in found if tag.isdigit()] or ["1"]
    return list(dict.fromkeys(found))


def policy(chance: Random) -> dict[str, Any]:
    """Make up what a policy says of choosing."""
    kind = chance.random()
    if kind < 0.5:
        spec: dict[str, Any] = {"policy": {"semver": {"range": range_(chance)}}}
    else:
        order = {"order": chance.choice(("asc", "desc"))} if chance.random() < 0.7 else {}
        spec = {"policy": {"alphabetical" if kind < 0.7 else "numerical": order}}
    if "numerical" in spec["policy"] and chance.random() < 0.7:
        spec["filterTags"] = chance.choice(_NUMBERED)
    elif chance.random() < 0.4:
        spec["filterTags"] = {"pattern": chance.choice(_PATTERNS)}
        if chance.random() < 0.7:
            spec["filterTags"]["extract"] = chance.choice(_EXTRACTS)
    return spec


def range_(chance: Random) -> str:
    """Make up a range, mostly a good one."""
    groups = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        parts = [_bound(chance) for _ in range(chance.choice((1, 1, 2, 3)))]
        groups.append(chance.choice((" ", ", ", ",")).join(parts))
    text = chance.choice((" || ", "||")).join(groups)
    if chance.random() < 0.05:
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice("x*|<>=~^.-v ,0aé") + text[at:]
    return text


def _bound(chance: Random) -> str:
    if chance.random() < 0.08:
        return f"{_partial(chance)} - {_partial(chance)}"
    return chance.choice(_OPERATORS) + _partial(chance)


def _partial(chance: Random) -> str:
    numbers = [str(chance.randrange(4)) for _ in range(chance.choice((1, 2, 3, 3)))]
    if chance.random() < 0.2:
        numbers[-1] = chance.choice(("x", "X", "*"))
    text = ("v" if chance.random() < 0.1 else "") + ".".join(numbers)
    if len(numbers) == 3 and chance.random() < 0.3:
        text += "-" + chance.choice(_PRERELEASES)
    return text + ("+build" if chance.random() < 0.03 else "")


def _version(chance: Random) -> str:
    text = ".".join(str(chance.randrange(4)) for _ in range(3 if chance.random() < 0.9 else chance.randrange(1, 5)))
    if chance.random() < 0.3:
        text += "-" + chance.choice(_PRERELEASES)
    return ("v" if chance.random() < 0.3 else "") + text


def _build(chance: Random) -> str:
    branch = chance.choice(("main", "main", "dev", "feature-x"))
    return f"{branch}-{chance.getrandbits(28):07x}-{1_700_000_000 + chance.randrange(50)}"


def _number(chance: Random) -> str:
    return str(chance.randrange(200)) if chance.random() < 0.9 else chance.choice(_NUMBERS).lstrip("-.")


def _calendar(chance: Random) -> str:
    year, month = chance.randrange(2020, 2024), chance.randrange(1, 13)
    return f"{year}.{month:{chance.choice(('02', '01'))}}.{chance.randrange(1, 29)}"


def _stranger(chance: Random) -> str:
    return chance.choice(_WORDS + tuple(number.lstrip("-.") for number in _NUMBERS))
