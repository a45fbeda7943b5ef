"""What happens to an incoming state before it is stored, as functions over plain objects.

Answers to the create and update strategies of `k8s.io/apiserver/pkg/registry/rest` and of custom resources. The order
is upstream's: unknown fields are reported and pruned, nulls dropped, defaults filled in, what the request may not
touch is put back, and the whole is validated.
"""

from typing import Any

from gotk.apiserver import cause as causes
from gotk.apiserver import metadata, status
from gotk.apiserver.builtin import defaults, immutability, services, validation
from gotk.apiserver.cause import Cause
from gotk.apiserver.resources import crds, decoding, establish
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.schema import cel_rules
from gotk.apiserver.wire import options

Json = dict[str, Any]

#: Groups of built-in kinds whose objects count the changes of their spec.
_GENERATIONAL = frozenset({"apps", "batch", "networking.k8s.io", "policy", "apiextensions.k8s.io"})


def admit(
    resource: Resource, obj: Json, before: Json | None, how: options.Write, *, applied: bool = False
) -> list[str]:
    """Prune, drop nulls and fill in defaults, in place; return what to warn of. Raises Refusal when asked to be strict.

    `before` is the state that is there. An applied null of a custom kind stays for validation to refuse: it is
    somebody's value. Built-in kinds know no null, whoever sends it.
    """
    warnings = [resource.deprecation] if resource.deprecation else []
    decoding.check(obj, resource)
    if resource.schema is not None:
        unknown = [f'unknown field "{path}"' for path in resource.schema.prune(obj)]
        if unknown and how.validation == "Strict":
            raise status.bad_request(
                f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
                f"strict decoding error: {', '.join(unknown)}"
            )
        if how.validation == "Warn":
            warnings += unknown
        if not (applied and resource.custom):
            resource.schema.drop_nulls(obj)
        _default(resource, obj)
    if before is None or before["metadata"].get("finalizers") != obj["metadata"].get("finalizers"):
        warnings += metadata.finalizer_warnings(obj)
    return warnings


def read(resource: Resource, obj: Json) -> Json:
    """Return a stored object as it is read today, changed in place: built-in kinds may have got new defaults since."""
    _default_builtin(resource, obj)
    return obj


def begin(resource: Resource, obj: Json, namespace: str, now: str) -> None:
    """Make the first state of an object, in place: a name, a uid, generation 1, no status yet. Raises Refusal."""
    metadata.begin(obj, namespace if resource.namespaced else "", now)
    if "status" in resource.subresources and resource.kind != "Node":
        obj.pop("status", None)
        _default(resource, obj)  # a kind such as Flux's begins with `observedGeneration: -1`
    if generational(resource):
        obj["metadata"]["generation"] = 1
    _default_builtin(resource, obj)
    validate(resource, obj, None)
    if resource.kind == "CustomResourceDefinition":
        obj["status"] = establish.initial(obj)


def default_status(resource: Resource, obj: Json) -> None:
    """Give a custom object whose status nobody may send the default that its schema has for one, owned by nobody."""
    if resource.custom and resource.schema is not None and "status" not in obj and "status" in resource.subresources:
        resource.schema.default(obj)


def settle(resource: Resource, before: Json, new: Json, subresource: str) -> Json:
    """Return the incoming state with all it may not touch as it was: system fields, and spec or status."""
    managed = new["metadata"].get("managedFields")
    if subresource == "status":
        after = {**before, "metadata": dict(before["metadata"])}
        after.pop("status", None)
        if new.get("status") is not None:
            after["status"] = new["status"]
        _default(resource, after)
        if managed is not None:
            after["metadata"]["managedFields"] = managed
        return after
    if managed is None and "managedFields" in before["metadata"]:
        new["metadata"]["managedFields"] = before["metadata"]["managedFields"]
    metadata.keep(before, new)
    if "status" in resource.subresources and not subresource:
        new.pop("status", None)
        if "status" in before:
            new["status"] = before["status"]
    if (resource.group, resource.kind) == ("", "Service"):
        services.drop_what_is_left_over(before, new)
    _default_builtin(resource, new)
    return new


def _default(resource: Resource, obj: Json) -> None:
    if resource.custom and resource.schema is not None:
        resource.schema.default(obj)


def _default_builtin(resource: Resource, obj: Json) -> None:
    if not resource.custom and resource.schema is not None:
        defaults.apply_defaults(obj, resource.schema.node)


def count(resource: Resource, before: Json, after: Json) -> None:
    """Begin a new generation when something besides metadata (and status, where it is apart) has changed."""
    if generational(resource) and _content(resource, before) != _content(resource, after):
        after["metadata"]["generation"] = before["metadata"].get("generation", 0) + 1


def generational(resource: Resource) -> bool:
    """Whether objects of a kind count their generations."""
    return resource.custom or resource.group in _GENERATIONAL


def _content(resource: Resource, obj: Json) -> Json:
    left_out = {"apiVersion", "kind", "metadata"}
    if "status" in resource.subresources:
        left_out.add("status")
    return {key: value for key, value in obj.items() if key not in left_out}


def same(before: Json, after: Json) -> bool:
    """Whether a write changes nothing but, at most, the time of a field manager."""
    return _timeless(before) == _timeless(after)


def _timeless(obj: Json) -> Json:
    found = dict(obj["metadata"])
    entries = found.get("managedFields") or ()
    found["managedFields"] = [{key: value for key, value in entry.items() if key != "time"} for entry in entries]
    return {**obj, "metadata": found}


def validate(resource: Resource, obj: Json, old: Json | None, subresource: str = "") -> None:
    """Refuse an object that breaks rules, naming them all. Raises Refusal (422)."""
    found: list[Cause] = []
    kind = obj.get("kind") or resource.kind
    if kind != resource.kind:
        found.append(causes.invalid("kind", kind, f"must be {resource.kind}"))
    found += metadata.validate(resource, obj)
    if old is not None:
        found += metadata.new_finalizers(old, obj)
        found += immutability.changes(resource.group, kind, old, obj)
    if resource.schema is not None:
        found = resource.schema.validate(obj, old, subresource=subresource, found=found)
        if not resource.custom and subresource != "status":
            known = {(each.field, each.reason) for each in found}
            more = validation.check(obj, resource.schema.node, old)
            found += [each for each in more if (each.field, each.reason) not in known]
        _check_scale(resource, obj, subresource, found)
    if resource.kind == "CustomResourceDefinition" and not subresource:
        found = found or crds.validate(obj, old)
    if found:
        raise status.invalid(resource.group, kind, obj["metadata"].get("name") or "", found)


def _check_scale(resource: Resource, obj: Json, subresource: str, found: list[Cause]) -> None:
    """Add what is wrong with the replicas of the scale subresource; the remark on unchecked rules stays last."""
    if resource.scale is None or resource.schema is None or not resource.custom:
        return
    path = resource.scale.status_replicas if subresource == "status" else resource.scale.spec_replicas
    place = len(found) - 1 if found and found[-1] is cel_rules.UNCHECKED else len(found)
    found[place:place] = resource.schema.validate_scale(obj, path)
