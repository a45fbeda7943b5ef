"""The index of a Helm repository: read, checked, put in order and written as Flux stores it. Pure.

Answers to `IndexFromBytes` of source-controller and `IndexFile` of Helm: versions that Helm would refuse are left out,
the newest stand first, and what is written is what Go's encoder writes.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from deploy.source.charts import fields, metadata, text
from gotk.api.meta import Struct
from gotk.semver import Range, Version

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_NO_TIME = "0001-01-01T00:00:00Z"
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_TO_ESCAPE = re.compile("[<>&\u2028\u2029]")


class InvalidIndex(ValueError):
    """Text that is no index. The message names the entry and the field."""


class NoChart(ValueError):
    """The index has no such chart, or no version of it that fits. The message is Flux's."""


def _time(value: Any) -> str:
    """Spell a time as Go does: no needless zeros, and Z where there is no offset."""
    found = _TIME.fullmatch(text.text(value))
    if found is None:
        raise fields.Malformed("is not a time")
    day, hour, fraction, zone = found.groups("")
    fraction = fraction.rstrip("0")
    zone = "Z" if zone in {"z", "+00:00", "-00:00"} else zone
    return f"{day}T{hour}{'.' if fraction else ''}{fraction}{zone}"


def _is_offered(version: metadata.Metadata) -> bool:
    try:
        metadata.check(version)
    except metadata.RepeatedDependency:
        return True  # some repositories strip the aliases that told them apart
    except metadata.Invalid:
        return False
    return True


class ChartVersion(metadata.Metadata, frozen=True, kw_only=True):
    """One version of a chart, and where it is. Fields without a default are written even where they are empty."""

    readers: ClassVar[Mapping[str, fields.Reader]] = {
        **metadata.Metadata.readers,
        "created": _time,
        "digest": text.text,
        "urls": fields.texts,
    }

    urls: tuple[str, ...] | None
    created: str
    removed: bool = False
    digest: str = ""
    checksum: str = ""
    engine: str = ""
    tiller_version: str = ""
    url: str = ""


def _entries(value: Any) -> Mapping[str, tuple[ChartVersion, ...]]:
    return {name: _versions(name, listed) for name, listed in fields.mapping(value).items()}


def _versions(name: str, listed: Any) -> tuple[ChartVersion, ...]:
    if not isinstance(listed, list | None):
        raise fields.Malformed(f"{name}: is not a list")
    kept = []
    for number, value in enumerate(listed or ()):
        if value is None:
            continue
        try:
            version = fields.struct(ChartVersion, value, api_version="v1", urls=None, created=_NO_TIME)
        except metadata.Invalid:
            continue
        except (fields.Malformed, text.Unreadable) as error:
            raise fields.Malformed(f"{name}[{number}]: {error}") from None
        if _is_offered(version):
            kept.append(version)
    return tuple(sorted(kept, key=lambda each: Version.parse(each.version).key, reverse=True))


class Index(Struct, frozen=True, kw_only=True):
    """Every version of every chart, the newest first."""

    readers: ClassVar[Mapping[str, fields.Reader]] = {
        "annotations": fields.text_map,
        "entries": _entries,
        "generated": _time,
        "serverInfo": fields.mapping,
    }

    server_info: Mapping[str, Any] = {}
    api_version: str
    generated: str
    entries: Mapping[str, tuple[ChartVersion, ...]] | None
    public_keys: tuple[str, ...] = ()
    annotations: Mapping[str, str] = {}


class Brief(Struct, frozen=True, kw_only=True):
    """What a version is chosen by, and got by."""

    name: str = ""
    version: str = ""
    urls: tuple[str, ...] | None = None
    created: str = _NO_TIME
    digest: str = ""


class _Stored(Struct, frozen=True, kw_only=True):
    entries: Mapping[str, msgspec.Raw] | None = None


def parse(data: bytes) -> Index:
    """Read an index. Raises InvalidIndex."""
    try:
        value = text.read(data)
        if value is None:
            raise InvalidIndex("empty index.yaml file")
        index = fields.struct(Index, value, api_version="", generated=_NO_TIME, entries=None)
    except (fields.Malformed, text.Unreadable) as error:
        raise InvalidIndex(f"error unmarshaling YAML: {error}") from None
    if not index.api_version:
        raise InvalidIndex("no API version specified")
    return index


def write(index: Index) -> bytes:
    """Return the index as JSON, spelt as Go spells it."""
    plain = msgspec.json.format(msgspec.json.encode(index, order="deterministic"), indent=2).decode()
    return _TO_ESCAPE.sub(lambda found: _ESCAPED[found[0]], plain).encode()


class Stored:
    """An index as it is stored, of which a chart's versions are read when they are asked for."""

    def __init__(self, data: bytes) -> None:
        """Take an artifact's bytes. Raises InvalidIndex."""
        self.size = len(data)
        try:
            self._entries = msgspec.json.decode(data, type=_Stored).entries or {}
        except msgspec.DecodeError as error:
            raise InvalidIndex(f"error unmarshaling JSON: {error}") from None

    def choose(self, name: str, wanted: str) -> Brief:
        """Return the highest version in a range, or the one named. Raises NoChart, and ValueError for no range."""
        return choose(self.versions(name), name, wanted)

    def versions(self, name: str) -> tuple[Brief, ...]:
        """Return what there is of a chart, in the index's order. Raises NoChart, and InvalidIndex."""
        if name not in self._entries:
            raise NoChart("no chart name found")
        try:
            return msgspec.json.decode(self._entries[name], type=tuple[Brief, ...])
        except msgspec.DecodeError as error:
            raise InvalidIndex(f"error unmarshaling JSON: {name}: {error}") from None


def choose(versions: Sequence[Brief], name: str, wanted: str) -> Brief:
    """Choose among a chart's versions; of equal ones that made last. Raises NoChart, and ValueError for no range."""
    if not versions:
        raise NoChart("no chart version found")
    if wanted and (exact := next((each for each in versions if each.version == wanted), None)):
        return exact
    allowed = Range.parse(wanted or "*")
    fitting = []
    for each in versions:
        try:
            version = Version.parse_tag(each.version)
        except ValueError:
            continue
        if allowed.contains(version):
            fitting.append((version.key, _moment(each.created), each))
    if not fitting:
        raise NoChart(f"no '{name}' chart with version matching '{wanted}' found")
    return max(fitting, key=lambda found: found[:2])[2]


def _moment(created: str) -> tuple[float, str]:
    """Return when that was, in an order that holds within a second, too."""
    found = _TIME.fullmatch(created)
    if found is None:
        return (float("-inf"), "")
    day, hour, fraction, zone = found.groups("")
    try:
        whole = datetime.fromisoformat(f"{day}T{hour}{'+00:00' if zone in {'Z', 'z'} else zone}")
        return (whole.timestamp(), fraction.ljust(9, "0"))
    except (ValueError, OverflowError):
        return (float("-inf"), "")
