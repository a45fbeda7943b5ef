"""The schema of a kind: what its objects may hold, what is filled in, what is refused.

Answers to `k8s.io/apiextensions-apiserver/pkg/apiserver/schema` (pruning, defaulting, list types) and
`k8s.io/kube-openapi/pkg/validation`; the wording of every refusal is upstream's.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason why an object is refused, as `Status.details.causes` carries it."""

    reason: str
    message: str
    field: str


class Schema:
    """A schema, ready to work on plain JSON objects."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw

    def prune(self, obj):
        return []
    def default(self, obj):
        return None
    def validate(self, obj):
        return []
