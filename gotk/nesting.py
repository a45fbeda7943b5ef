"""Text from somebody else must not nest without end: PyYAML's loader in C crashes the interpreter at 100,000 levels.

Nor may aliases and merge keys unfold to billions of nodes, at once or when an object is written out. Events and a stack
of our own take none of the interpreter's, so both are looked at before anything recursive sees the text or the object.
"""

from collections.abc import Iterator
from typing import Any

import yaml

#: Deeper text is refused. Kubernetes stops at 10,000 levels; nobody writes a tenth of that.
LEVELS = 1000
#: The most nodes that aliases may unfold to.
NODES = 2_000_000
_MERGE = "tag:yaml.org,2002:merge"


class TooDeep(ValueError):
    """Text or an object that nests too deep, or unfolds to too much. The message names the line where it is known."""


class Loader(yaml.CSafeLoader):
    """PyYAML's safe loader, whose merge keys (`<<`) of merge keys do not multiply."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Take what is merged in once for every key: the last one counts anyway."""
        own = sum(key.tag != _MERGE for key, _ in node.value)
        super().flatten_mapping(node)
        merged = {
            (key.tag, key.value if isinstance(key.value, str) else id(key)): (key, value)
            for key, value in node.value[: len(node.value) - own]
        }
        node.value = [*merged.values(), *node.value[len(node.value) - own :]]


def check_text(text: str, *, levels: int = LEVELS) -> None:
    """Walk the events of YAML that could nest too deep. Raises TooDeep, and `yaml.YAMLError` for what is none."""
    if text.count("[") + text.count("{") <= levels and max(map(len, text.split("\n"))) <= levels:
        return  # every level takes a bracket, or a column of some line
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > levels:
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise TooDeep(f"line {line}: nested deeper than {levels} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def check_value(value: Any, *, levels: int = LEVELS, nodes: int = NODES) -> None:
    """Count the levels of an object and its nodes, each shared one once for every use. Raises TooDeep."""
    seen = 0
    waiting: list[Iterator[Any]] = [iter((value,))]
    while waiting:
        for child in waiting[-1]:
            seen += 1
            if seen > nodes:
                raise TooDeep(f"aliases unfold to more than {nodes} nodes")
            if isinstance(child, dict | list):
                if len(waiting) > levels:
                    raise TooDeep(f"nested deeper than {levels} levels")
                waiting.append(iter(child.values() if isinstance(child, dict) else child))
                break
        else:
            waiting.pop()


def load(text: str | bytes, *, levels: int = LEVELS, loader: type[Loader] = Loader) -> list[Any]:
    """Read every document of a YAML text safely. Raises TooDeep, and `yaml.YAMLError` for what is no YAML."""
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise yaml.YAMLError(f"not UTF-8: {error.reason} at byte {error.start}") from error
    check_text(text, levels=levels)
    documents = list(yaml.load_all(text, Loader=loader))
    if "*" in text and "&" in text:
        check_value(documents, levels=levels + 1)
    return documents
