"""In which format an encrypted document is, by its name and by the mark that sops leaves in it.

Answers to kustomize-controller's `decryptor`: a file is encrypted if it holds the mark of the format that its name
says, a value of a Secret if it holds the mark of any.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

Format: TypeAlias = Literal["binary", "dotenv", "ini", "json", "yaml"]

_BY_ENDING: Mapping[str, Format] = MappingProxyType(
    {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".dockerconfigjson": "json", ".env": "dotenv", ".ini": "ini"}
)
#: What only an encrypted document holds. Binary content lies in JSON once it is encrypted.
_MARKS: Mapping[Format, bytes] = MappingProxyType(
    {
        "json": b'"mac": "ENC[',
        "binary": b'"mac": "ENC[',
        "dotenv": b"sops_mac=ENC[",
        "yaml": b"mac: ENC[",
        "ini": b"[sops]",
    }
)


def of_name(name: str) -> Format:
    """Return the format that a file or a key of a Secret is named for."""
    return next((kind for ending, kind in _BY_ENDING.items() if name.endswith(ending)), "binary")


def of_variables(name: str) -> Format:
    """Return the format that a file of variables is named for."""
    kind = of_name(name)
    return "dotenv" if kind == "binary" else kind


def is_encrypted(data: bytes, kind: Format) -> bool:
    """Tell whether a document of a format is encrypted."""
    return _MARKS[kind] in data


def detect(data: bytes) -> Format | None:
    """Return the format that an encrypted document shows, None where it is not encrypted."""
    return next((kind for kind, mark in _MARKS.items() if mark in data), None)
