"""Which value of a release came from where: every place in the composed values, and who has been overruled there. Pure.

A list is one place, for it is replaced as a whole; where a path has put something into one, several have made it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.helm.values.compose import Composed, Origin

INLINE = "spec.values"
_Path = tuple[str, ...]
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the values, as `--set` would spell it, who gave what is there, and who gave something else."""

    path: str
    source: str
    over: tuple[str, ...] = ()


def places(composed: Composed, inline: Mapping[str, Any]) -> list[Place]:
    """Return every place in the values, by name. No value is in them, so that they may be shown."""
    layers = [(name_of(origin), origin.given) for origin in composed.origins if not origin.missing]
    layers.append((INLINE, inline))
    return sorted((_place(path, value, layers) for path, value in _leaves(composed.values)), key=lambda each: each.path)


def name_of(origin: Origin) -> str:
    """Return how a reference is called: `Secret/keys (token)`."""
    return f"{origin.kind}/{origin.name} ({origin.key})"


def _place(path: _Path, value: Any, layers: list[tuple[str, Mapping[str, Any]]]) -> Place:
    spelt = ".".join(key.replace(".", "\\.") for key in path)
    told = [(name, found) for name, given in layers if (found := _at(given, path)) is not _ABSENT]
    agreeing = [name for name, found in told if found == value]
    if not agreeing:
        return Place(spelt, " and ".join(name for name, _ in told))
    source = agreeing[-1]
    return Place(spelt, source, tuple(name for name, _ in told if name != source))


def _leaves(value: Any, path: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    if isinstance(value, Mapping) and (value or not path):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    else:
        yield path, value


def _at(values: Any, path: _Path) -> Any:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return _ABSENT
        values = values[key]
    return values
