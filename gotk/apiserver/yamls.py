"""YAML of strangers: read as Kubernetes reads it, and refused before it can hurt.

The C loader is fast, but it builds nested nodes by recursion (a hundred thousand levels end the process), and an alias
may stand for a thousand others. So the events are counted first, which neither harms. Timestamps stay text.
"""

from typing import Any

import yaml

#: How deep an object may nest.
DEPTH = 128
_NODES = 1_000_000


class Loader(yaml.CSafeLoader):
    """The safe loader without timestamps: JSON has none, so `2026-01-01` is a string."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load(data: bytes) -> Any:
    """Decode one document. Raises ValueError."""
    try:
        _measure(data)
        found = yaml.load(data, Loader=Loader)  # noqa: S506 - ours is a safe loader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"the YAML cannot be read: {error}") from error
    return found


def _measure(data: bytes) -> None:
    """Refuse what nests too deeply, or means more than it says. Raises ValueError."""
    nodes = 0
    sizes: dict[str | None, int] = {}
    open_: list[tuple[str | None, int]] = []
    for event in yaml.parse(data, Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, nodes))
            nodes += 1
            if len(open_) > DEPTH:
                raise ValueError(too_deep())
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, began = open_.pop()
            if anchor:
                sizes[anchor] = nodes - began
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_):
                raise ValueError(f"the alias *{event.anchor} stands inside what it stands for")
            nodes += sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
        if nodes > _NODES:
            raise ValueError(f"the document stands for more than {_NODES} values")


def too_deep() -> str:
    """Return what to say of an object that nests too deeply."""
    return f"exceeded max depth: objects may nest {DEPTH} levels"


def shallow(obj: Any) -> bool:
    """Whether an object nests no deeper than it may."""
    level = [obj] if isinstance(obj, dict | list) else []
    for _ in range(DEPTH):
        if not level:
            return True
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
    return not level
