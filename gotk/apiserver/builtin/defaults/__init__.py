"""What absent fields of built-in kinds stand for.

Answers to `pkg/apis/*/v1/defaults.go` and the `+default` marks of `types.go`: a rule for each type, run wherever a
value of the type lies. A field that Go keeps by pointer is absent when it is null or not there; any other one also when
it is the zero of its type. Objects are changed in place.
"""

from typing import Any

from gotk.apiserver.builtin.defaults import core, policies, volumes, workloads
from gotk.apiserver.builtin.walk import Types
from gotk.apiserver.schema.node import Node

_RULES = {**core.RULES, **policies.RULES, **volumes.RULES, **workloads.RULES}
_TYPES = Types(_RULES)


def apply_defaults(obj: dict[str, Any], node: Node) -> None:
    """Fill in the defaults of an object, whose kind has this schema."""
    for name, value, _ in _TYPES.find(obj, node):
        _RULES[name](value)
