"""The schema of a kind: what its objects may hold, what is filled in, what is refused.

Answers to `k8s.io/apiextensions-apiserver/pkg/apiserver/schema` and to the validation of custom resources; the
wording of every refusal is upstream's. The order of use is upstream's too: prune, drop nulls, default, validate.
"""

from collections.abc import Sequence
from typing import Any

from gotk.apiserver import cause
from gotk.apiserver.cause import Cause
from gotk.apiserver.schema import builtin_definitions, cel_rules, defaulting, listtypes, pruning, validation
from gotk.apiserver.schema.node import Node

__all__ = ["Cause", "Schema"]

_HEAD = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": builtin_definitions.reference(builtin_definitions.OBJECT_META),
}


class Schema:
    """A schema, ready to work on plain JSON objects. Methods that change an object change it in place."""

    def __init__(self, raw: dict[str, Any], *, custom: bool = True) -> None:
        self.raw = raw
        self.custom = custom
        self.node = Node({**raw, "properties": {**(raw.get("properties") or {}), **_HEAD}} if custom else raw)

    def prune(self, obj: dict[str, Any]) -> list[str]:
        """Remove fields that the schema does not know. Returns their paths, sorted."""
        return sorted(pruning.prune(obj, self.node))

    def drop_nulls(self, obj: dict[str, Any]) -> None:
        """Remove nulls where null is not a value."""
        if self.custom:
            pruning.drop_nulls(obj, self.node)
        else:
            pruning.zero_nulls(obj, self.node)

    def default(self, obj: dict[str, Any]) -> None:
        """Set absent fields that have a default."""
        defaulting.default(obj, self.node)

    def validate(
        self,
        obj: dict[str, Any],
        old: dict[str, Any] | None = None,
        *,
        subresource: str = "",
        found: Sequence[Cause] = (),
    ) -> list[Cause]:
        """Return every reason to refuse an object; `old` is the stored one on an update.

        A write to `status` is only checked there. `found` are reasons known before, such as a bad name: they come
        first, and they may keep the rules from being looked at.
        """
        causes = [*found, *self._structure(obj, old, subresource)]
        if self.custom:  # built-in kinds have rules of their own about what may be there twice
            causes += listtypes.duplicates(self._without_head(obj), self.node)
        if self.custom and cel_rules.has_rules(self.node):
            if cel_rules.block(causes):
                causes.append(cel_rules.UNCHECKED)
            else:
                causes += cel_rules.check(obj, self.node, "", validation.ABSENT if old is None else old)
        return causes

    def validate_scale(self, obj: dict[str, Any], path: str) -> list[Cause]:
        """Check the replicas that a scale subresource points at."""
        value: Any = obj
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            return []
        if not isinstance(value, int) or isinstance(value, bool):
            kind = {str: "string", bool: "bool", float: "float64"}.get(type(value), "map[string]interface {}")
            detail = f".{path} accessor error: {value} is of the type {kind}, expected int64"
            return [cause.invalid(f".{path}", 0, detail)]
        return [cause.invalid(f".{path}", value, "should be a non-negative integer")] if value < 0 else []

    def _structure(self, obj: dict[str, Any], old: dict[str, Any] | None, subresource: str) -> list[Cause]:
        if subresource == "status":
            node = self.node.properties.get("status")
            if node is None or "status" not in obj:
                return []
            former = validation.ABSENT if old is None else old.get("status", validation.ABSENT)
            return list(validation.validate(obj["status"], node, "status", former, name=""))
        body = self._without_head(obj)
        former = validation.ABSENT if old is None else self._without_head(old)
        return list(validation.validate(body, self.node, "", former))

    def _without_head(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Empty the metadata, which has checks of its own; that it is there may be asked for."""
        return {**obj, "metadata": {}} if "metadata" in obj else obj
