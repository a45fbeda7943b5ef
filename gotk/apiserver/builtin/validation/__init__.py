"""What objects of built-in kinds may not say, though their schema allows it: values out of range, fields at odds.

Answers to `pkg/apis/*/validation`, as far as clients meet it: what is required, which values there are, ranges, names,
duplicates, and what must fit together. docs/conformance.md says what is left out. Of an update only what it brings in
is refused: an object that was accepted before stays editable, and can be taken down.
"""

from typing import Any

from gotk.apiserver.builtin.validation import access, data, network, pods, volumes, workloads
from gotk.apiserver.builtin.walk import Types
from gotk.apiserver.cause import Cause
from gotk.apiserver.schema.node import Node

_RULES = {**access.RULES, **data.RULES, **network.RULES, **pods.RULES, **volumes.RULES, **workloads.RULES}
_TYPES = Types(_RULES)


def check(obj: dict[str, Any], node: Node, old: dict[str, Any] | None = None) -> list[Cause]:
    """Return every reason to refuse an object, whose kind has this schema; `old` is the stored one on an update."""
    found = _found(obj, node)
    if not found or old is None:
        return found
    known = {(cause.field, cause.message) for cause in _found(old, node)}
    return [cause for cause in found if (cause.field, cause.message) not in known]


def _found(obj: dict[str, Any], node: Node) -> list[Cause]:
    return [
        cause for name, value, path in _TYPES.find(obj, node) for check in _RULES[name] for cause in check(value, path)
    ]
