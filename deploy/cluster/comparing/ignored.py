"""Fields that another controller looks after: `spec.ignore`.

Answers to the drift ignore rules of `fluxcd/pkg/ssa`. A difference in such a field is no drift. Where something else
has drifted and the object is written, a field that differs is left out of what is written if another applier owns it,
and written as it is in the cluster if we alone do, so that neither its value nor anybody's claim is lost. Nothing is
left out of an object that is created.
"""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.cluster import objects
from deploy.cluster.comparing import drift, pointers
from gotk import selectors
from gotk.api.meta import IgnoreRule, ObjectSelector
from gotk.goregexp import Regexp

_FIELDS = ("group", "version", "kind", "name", "namespace")


class InvalidRuleError(ValueError):
    """A rule whose target cannot be read."""


@dataclass(frozen=True, slots=True)
class _Target:
    patterns: Mapping[str, Regexp]
    labels: selectors.Selector | None
    annotations: selectors.Selector | None

    def matches(self, obj: Mapping[str, Any]) -> bool:
        group, _, version = str(obj.get("apiVersion", "")).rpartition("/")
        metadata = obj.get("metadata") or {}
        seen = {"group": group, "version": version, "kind": str(obj.get("kind", ""))}
        seen |= {name: str(metadata.get(name) or "") for name in ("name", "namespace")}
        chosen = ((self.labels, metadata.get("labels")), (self.annotations, metadata.get("annotations")))
        return all(pattern.matches(seen[name]) for name, pattern in self.patterns.items()) and all(
            selector is None or selector.matches(values or {}) for selector, values in chosen
        )


class Rules:
    """The rules of one owner."""

    def __init__(self, rules: Sequence[IgnoreRule] = ()) -> None:
        """Read the rules. Raises InvalidRuleError."""
        self._rules = [(_target(rule.target), _paths(rule.paths)) for rule in rules]
        self._whole = [target for rule, (target, _) in zip(rules, self._rules, strict=True) if "" in rule.paths]
        #: What what is found in sync depends on, besides the object.
        self.key = tuple(rules)

    def leaves_out(self, obj: Mapping[str, Any]) -> bool:
        """Tell whether a whole object is ignored: by the path to its root, which is empty."""
        return any(target is None or target.matches(obj) for target in self._whole)

    def without(self, obj: Mapping[str, Any], applied: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an object without what is ignored of the applied one."""
        paths = list(self._of(applied))
        return _without(obj, paths) if paths else obj

    def drifted(self, live: Mapping[str, Any], applied: Mapping[str, Any]) -> str | None:
        """Return the first place where live and dry-run object differ beside what is ignored."""
        paths = list(self._of(applied))
        return drift.drifted(_without(live, paths), _without(applied, paths)) if paths else drift.drifted(live, applied)

    def payload(
        self,
        obj: objects.Manifest,
        live: Mapping[str, Any],
        applied: Mapping[str, Any],
        *,
        managers: Sequence[Mapping[str, Any]],
        field: str,
    ) -> objects.Manifest:
        """Return what to write of an object; `managers` are the entries of the live one, `field` is our manager."""
        payload = obj
        for path in self._of(applied):
            there, value = pointers.find(live, path)
            if (there, value) == pointers.find(applied, path):
                continue
            if payload is obj:
                payload = copy.deepcopy(obj)
            if not there or _is_owned_by_another(live, path, managers, field):
                pointers.remove(payload, path)
            else:
                pointers.put(payload, path, copy.deepcopy(value))
        return payload

    def _of(self, obj: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
        for target, paths in self._rules:
            if target is None or target.matches(obj):
                yield from paths


def _target(target: ObjectSelector | None) -> _Target | None:
    if target is None:
        return None
    patterns = {}
    for name in _FIELDS:
        text = getattr(target, name)
        try:
            if text:
                patterns[name] = Regexp(_anchored(text))
        except ValueError as error:
            raise InvalidRuleError(f"failed to create ignore rule selector: invalid {name} regex: {error}") from None
    return _Target(
        patterns, _selector(target.label_selector, "label"), _selector(target.annotation_selector, "annotation")
    )


def _selector(text: str, what: str) -> selectors.Selector | None:
    try:
        return selectors.parse_labels(text) if text else None
    except ValueError as error:
        raise InvalidRuleError(f"failed to create ignore rule selector: invalid {what} selector: {error}") from None


def _anchored(pattern: str) -> str:
    """Return a pattern that matches the whole text, as kustomize has it."""
    start, end = "" if pattern.startswith("^") else "^", "" if pattern.endswith("$") else "$"
    return f"{start}{pattern}{end}"


def _paths(texts: Sequence[str]) -> list[tuple[str, ...]]:
    return [parts for text in texts if (parts := pointers.segments(text))]


def _without(obj: Mapping[str, Any], paths: Sequence[tuple[str, ...]]) -> Mapping[str, Any]:
    kept = copy.deepcopy(dict(obj))
    for path in paths:
        pointers.remove(kept, path)
    return kept


def _is_owned_by_another(
    live: Mapping[str, Any], path: tuple[str, ...], managers: Sequence[Mapping[str, Any]], field: str
) -> bool:
    """Tell whether an applier besides us owns a field."""
    entries = [
        (entry.get("manager"), fields)
        for entry in managers
        if entry.get("operation") == "Apply"
        and not entry.get("subresource")
        and isinstance(fields := entry.get("fieldsV1"), Mapping)
    ]
    elements = _elements(live, path, [fields for _, fields in entries])
    return elements is not None and any(
        manager != field and _walk(fields, elements) is not None for manager, fields in entries
    )


def _elements(
    live: Mapping[str, Any], path: tuple[str, ...], managed: Sequence[Mapping[str, Any]]
) -> tuple[str, ...] | None:
    """Return a path as managers spell it: items of lists by their keys. None where nobody says how."""
    elements: tuple[str, ...] = ()
    value: Any = live
    for part in path:
        if not isinstance(value, list):
            elements += (f"f:{part}",)
            value = value.get(part) if isinstance(value, Mapping) else None
            continue
        there, item = pointers.find(value, (part,))
        known = (key for fields in managed for key in _walk(fields, elements) or () if key.startswith("k:"))
        element = next((key for key in known if there and _is_item(item, key)), None)
        if element is None:
            return None
        elements += (element,)
        value = item
    return elements


def _is_item(item: Any, key: str) -> bool:
    try:
        wanted = json.loads(key.removeprefix("k:"))
    except ValueError:
        return False
    return (
        isinstance(item, Mapping)
        and isinstance(wanted, dict)
        and all(item.get(name) == value for name, value in wanted.items())
    )


def _walk(fields: Mapping[str, Any], elements: Sequence[str]) -> Mapping[str, Any] | None:
    for element in elements:
        found = fields.get(element)
        if not isinstance(found, Mapping):
            return None
        fields = found
    return fields
