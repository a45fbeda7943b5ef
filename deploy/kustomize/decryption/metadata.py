"""sops' metadata in a document: who may decrypt it, read and put back in the document's own format.

Answers to sops' stores: a mapping under `sops` in JSON (which binary content is in, too) and YAML; in variables and ini
files the same mapping flattened, with `__list_0` and `__map_key` between its levels. Only the keys of the groups are
put back; every other line of a document stays as it is.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
import yaml

from deploy.kustomize.decryption.formats import Format
from gotk import documents, go_yaml

Group: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]

#: The kinds of keys in a group, as the metadata names them.
KINDS = ("kms", "gcp_kms", "hckms", "azure_kv", "hc_vault", "age", "pgp")
_GROUPS = "key_groups"
#: How lines begin that hold a group's keys, where the metadata is flattened.
_OF_GROUPS = tuple(f"{kind}__" for kind in (*KINDS, _GROUPS))
_STEP = re.compile(r"__(map|list)_((?:(?!__map_|__list_).)*)", re.DOTALL)
_INI_LINE = re.compile(r"^([^=\s]+)\s*=\s*(.*)$")


class NoMetadata(ValueError):
    """A document without metadata that can be read. The message quotes nothing."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The groups of keys, each of which holds the same key or a share of it, and whether there were several."""

    groups: tuple[Group, ...]
    several: bool

    def plain(self) -> dict[str, Any]:
        """Return what stands in the metadata."""
        return {_GROUPS: list(self.groups)} if self.several else dict(self.groups[0])


def read(data: bytes, kind: Format) -> Metadata:
    """Read the metadata of an encrypted document. Raises NoMetadata."""
    try:
        found = _READERS[kind](data.decode())
    except NoMetadata:
        raise
    except (ValueError, yaml.YAMLError, RecursionError):
        raise NoMetadata("its sops metadata cannot be read") from None
    if not isinstance(found, dict):
        raise NoMetadata("there is no sops metadata")
    given = found.get(_GROUPS)
    several = isinstance(given, list) and bool(given)
    groups = given if several and isinstance(given, list) else [found]
    return Metadata(tuple(_group(each) for each in groups), several)


def write(data: bytes, kind: Format, metadata: Metadata) -> bytes:
    """Return a document with other keys in its metadata. Raises NoMetadata."""
    return _WRITERS[kind](data.decode(), metadata.plain()).encode()


def _group(value: Any) -> Group:
    if not isinstance(value, dict):
        raise NoMetadata("its sops metadata cannot be read")
    found: dict[str, list[Mapping[str, Any]]] = {}
    for kind in KINDS:
        entries = value.get(kind) or []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise NoMetadata("its sops metadata cannot be read")
        found[kind] = entries
    return found


def _read_json(text: str) -> Any:
    value = msgspec.json.decode(text)
    return value.get("sops") if isinstance(value, dict) else None


def _write_json(text: str, keys: Mapping[str, Any]) -> str:
    value = json.loads(text)
    value["sops"] = _replaced(value["sops"], keys)
    return json.dumps(value, ensure_ascii=False)


def _read_yaml(text: str) -> Any:
    begin, end = _stanza(text)
    values = documents.load("\n".join(text.split("\n")[begin:end]))
    return values[0].get("sops") if values and isinstance(values[0], dict) else None


def _write_yaml(text: str, keys: Mapping[str, Any]) -> str:
    begin, end = _stanza(text)
    lines = text.split("\n")
    written = go_yaml.write({"sops": _replaced(_read_yaml(text), keys)}).rstrip("\n")
    return "\n".join([*lines[:begin], written, *lines[end:]])


def _stanza(text: str) -> tuple[int, int]:
    """Return the first line of `sops:` in the first document that has one, and that behind its last."""
    depth, begin, passed = 0, -1, False
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line, column = getattr(event.start_mark, "line", 0), getattr(event.start_mark, "column", 0)
        if begin >= 0 and depth == 1 and passed:
            return begin, line
        passed = begin >= 0
        if depth == 1 and isinstance(event, yaml.ScalarEvent) and event.value == "sops" and not column:
            begin = line
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
    raise NoMetadata("there is no sops metadata")


def _read_dotenv(text: str) -> Any:
    lines = [line.removeprefix("sops_").partition("=") for line in text.split("\n") if line.startswith("sops_")]
    return _unflattened({name: value for name, _, value in lines})


def _write_dotenv(text: str, keys: Mapping[str, Any]) -> str:
    groups = tuple(f"sops_{mark}" for mark in _OF_GROUPS)
    kept = [line for line in text.split("\n") if line and not line.startswith(groups)]
    added = [f"sops_{name}={value}" for name, value in _flattened("", keys)]
    return "\n".join([*kept, *added, ""])


def _read_ini(text: str) -> Any:
    found = (_INI_LINE.match(line) for line in _section(text)[1])
    return _unflattened({line[1]: line[2].strip('`"') for line in found if line})


def _write_ini(text: str, keys: Mapping[str, Any]) -> str:
    before, section, after = _section(text)
    kept = [line for line in section if not line.startswith(_OF_GROUPS)]
    added = [f"{name} = {value}" for name, value in _flattened("", keys)]
    return "\n".join([*before, "[sops]", *kept, *added, *after, ""])


def _section(text: str) -> tuple[list[str], list[str], list[str]]:
    """Return the lines before the section of sops, in it, and behind it."""
    lines = text.split("\n")
    if "[sops]" not in lines:
        raise NoMetadata("there is no sops metadata")
    begin = lines.index("[sops]")
    end = next((at for at in range(begin + 1, len(lines)) if lines[at].startswith("[")), len(lines))
    return lines[:begin], lines[begin + 1 : end], lines[end:]


def _replaced(metadata: Any, keys: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: value for name, value in metadata.items() if name not in {*KINDS, _GROUPS}}, **keys}


def _flattened(name: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from _flattened(f"{name}__map_{key}" if name else key, inner)
        case list():
            for index, inner in enumerate(value):
                yield from _flattened(f"{name}__list_{index}", inner)
        case _:
            yield name, str(value).replace("\n", "\\n")


def _unflattened(flat: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in flat.items():
        steps = _STEP.findall(name)
        at: Any = found
        way = [name.partition("__")[0], *(int(step) if kind == "list" else step for kind, step in steps)]
        for step in way[:-1]:
            at = at.setdefault(step, {})
            if not isinstance(at, dict):
                raise NoMetadata("its sops metadata cannot be read")
        at[way[-1]] = text.replace("\\n", "\n")
    return {key: _listed(value) for key, value in found.items()}


def _listed(value: Any) -> Any:
    """Make lists of mappings whose keys are numbers."""
    if not isinstance(value, dict):
        return value
    if all(isinstance(key, int) for key in value):
        return [_listed(value[key]) for key in sorted(value)]
    return {str(key): _listed(inner) for key, inner in value.items()}


_READERS = {"json": _read_json, "binary": _read_json, "yaml": _read_yaml, "dotenv": _read_dotenv, "ini": _read_ini}
_WRITERS = {"json": _write_json, "binary": _write_json, "yaml": _write_yaml, "dotenv": _write_dotenv, "ini": _write_ini}
