"""What a text file is, told by its name: which signs begin its comments, where those may stand, how values are written.

A rewriter that took `#` for a comment in a Dockerfile's instruction, or a bare name in HCL for a text, would write
files that no longer mean what they say. A name that says nothing gets every sign, and only such edits as hold in any
language.
"""

import posixpath
import re
from dataclasses import dataclass
from typing import Final, Literal

#: Every sign that begins a comment somewhere.
SIGNS: Final = ("#", "//", "--", ";", "/*")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of text file; `title` is for messages, `key` for caches.

    `signs` begin its comments; with `own_lines` a comment is a line of its own and nothing else. `bare` says which
    values may stand without quotes: `all`, none, or images and digests, which are `distinct` from other words.
    """

    key: str
    title: str
    signs: tuple[str, ...]
    bare: Literal["all", "distinct", "none"]
    own_lines: bool = False


_HASH, _SLASHES = ("#",), ("//", "/*")

_DOCKERFILE = Kind("01", "a Dockerfile", _HASH, "all", own_lines=True)
_ENV = Kind("02", "an .env file", _HASH, "all")
_SHELL = Kind("03", "a shell script", _HASH, "all")
_MAKE = Kind("04", "a Makefile", _HASH, "all")
_INI = Kind("05", "an INI file", (";", "#"), "all")
_UNIT = Kind("06", "a systemd unit", ("#", ";"), "all", own_lines=True)
_PROPERTIES = Kind("07", "a properties file", _HASH, "all", own_lines=True)
_HCL = Kind("08", "an HCL file", (*_HASH, *_SLASHES), "none")
_CUE = Kind("09", "a CUE file", ("//",), "none")
_KCL = Kind("0a", "a KCL file", _HASH, "none")
_TOML = Kind("0b", "a TOML file", _HASH, "none")
_JSON = Kind("0c", "a JSON file with comments", _SLASHES, "none")
_DASHES = Kind("0d", "a file whose comments begin with `--`", ("--",), "none")
_OTHER = Kind("0e", "a text file", SIGNS, "distinct")

_BY_ENDING: Final = {
    ending: kind
    for kind, endings in {
        _DOCKERFILE: "dockerfile containerfile",
        _ENV: "env envrc",
        _SHELL: "sh bash zsh ksh fish",
        _MAKE: "mk mak make",
        _INI: "ini cfg conf cnf",
        _UNIT: "container pod kube image build volume network service timer socket",
        _PROPERTIES: "properties",
        _HCL: "hcl tf tfvars tofu nomad",
        _CUE: "cue",
        _KCL: "k",
        _TOML: "toml",
        _JSON: "json json5 jsonc code-workspace",
        _DASHES: "sql lua hs dhall",
    }.items()
    for ending in endings.split()
}
_BY_NAME: Final = (
    (re.compile(r"(?:dockerfile|containerfile)(?:\..+)?"), _DOCKERFILE),
    (re.compile(r"\.env(?:rc)?(?:\..+)?"), _ENV),
    (re.compile(r"(?:gnu)?makefile(?:\..+)?"), _MAKE),
)


#: Every kind by its key.
BY_KEY: Final = {kind.key: kind for kind in (*_BY_ENDING.values(), _OTHER)}


def of(path: str) -> Kind:
    """Return what a file is by its name, in letters of either case."""
    name = posixpath.basename(path).lower()
    for pattern, kind in _BY_NAME:
        if pattern.fullmatch(name):
            return kind
    return _BY_ENDING.get(name.rpartition(".")[2], _OTHER) if "." in name else _OTHER
