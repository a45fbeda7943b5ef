"""Reviews: questions that are answered at once and never stored.

Answers to authentication.k8s.io (who am I, whose token is this) and authorization.k8s.io (may I, may they). May-
questions go through the same function as requests.
"""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from gotk.apiserver import cause, status
from gotk.apiserver.access.authorization import Action, Decision
from gotk.apiserver.access.identity import User
from gotk.apiserver.call import Call
from gotk.apiserver.resources import decoding
from gotk.apiserver.wire import body

Json = dict[str, Any]


async def review(call: Call) -> web.StreamResponse:
    """Answer the question in the body."""
    if call.request.method != "POST":
        raise status.not_allowed("the server does not allow this method on the requested resource")
    obj = body.decode(await call.request.read(), call.content_type, call.resource)
    decoding.check(obj, call.resource)
    spec = obj.get("spec") or {}
    if not isinstance(spec, dict):
        raise status.bad_request("spec: expected an object")
    obj["status"] = _ANSWERS[call.resource.kind](call, spec)
    obj.setdefault("metadata", {})
    if call.resource.kind == "SelfSubjectReview":
        obj["metadata"] = {"creationTimestamp": call.plane.writer.now()}
    return call.answer(201, orjson.dumps(obj))


def _self(call: Call, spec: Json) -> Json:
    del spec
    return {"userInfo": call.user.info()}


def _token(call: Call, spec: Json) -> Json:
    if not spec.get("token"):
        raise _invalid(call, cause.required("spec.token", "token is required for authentication in TokenReview"))
    found = call.plane.authenticator.by_token(str(spec["token"]), [str(each) for each in spec.get("audiences") or ()])
    if found is None:
        return {"user": {}, "error": "the token is not known here, has ended, or is for another audience"}
    user, audiences = found
    return {"authenticated": True, "user": user.info(), "audiences": audiences}


def _self_access(call: Call, spec: Json) -> Json:
    return _decided(call.plane.authorizer.decide(call.user, _action(call, spec)))


def _access(call: Call, spec: Json) -> Json:
    action = _action(call, spec)
    if not spec.get("user") and not spec.get("groups"):
        raise _invalid(call, cause.invalid("spec.user", "", "at least one of user or group must be specified"))
    if call.target.namespace and action.namespace != call.target.namespace:
        why = "must match metadata.namespace" if not action.path else "disallowed on this kind of request"
        raise _invalid(call, cause.invalid("spec.resourceAttributes.namespace", action.namespace, why))
    extra = {str(key).lower(): tuple(values) for key, values in (spec.get("extra") or {}).items()}
    groups = tuple(str(each) for each in spec.get("groups") or ())
    user = User(str(spec.get("user") or ""), groups, str(spec.get("uid") or ""), extra)
    return _decided(call.plane.authorizer.decide(user, action))


def _decided(decision: Decision) -> Json:
    told: Json = {"allowed": decision.allowed}
    if decision.reason:
        told["reason"] = decision.reason
    if decision.error:
        told["evaluationError"] = decision.error
    return told


def _action(call: Call, spec: Json) -> Action:
    """Read what is asked about. Raises Refusal (422)."""
    about, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if bool(about) == bool(path):
        field, value = "spec.resourceAttributes", about or {}
        both = "cannot be specified in combination with nonResourceAttributes"
        why = both if about else "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _invalid(call, cause.invalid(field, value, why))
    if path:
        return Action(verb=str(path.get("verb", "")), path=str(path.get("path", "")) or "/")
    keys = ("verb", "group", "resource", "subresource", "namespace", "name")
    return Action(**{key: str((about or {}).get(key) or "") for key in keys})


def _rules(call: Call, spec: Json) -> Json:
    namespace = str(spec.get("namespace") or "")
    if not namespace:
        raise status.bad_request("no namespace on request")
    rules, error = call.plane.authorizer.rules(call.user, namespace)
    told: Json = {
        "resourceRules": [
            _kept(rule, "apiGroups", "resources", "resourceNames") for rule in rules if "resources" in rule
        ],
        "nonResourceRules": [_kept(rule, "nonResourceURLs") for rule in rules if "nonResourceURLs" in rule],
        "incomplete": False,
    }
    if error:
        told["evaluationError"] = error
    return told


def _kept(rule: Json, *keys: str) -> Json:
    return {key: rule[key] for key in ("verbs", *keys) if rule.get(key)}


def _invalid(call: Call, found: cause.Cause) -> status.Refusal:
    return status.invalid(call.resource.group, call.resource.kind, "", [found])


_ANSWERS: dict[str, Callable[[Call, Json], Json]] = {
    "SelfSubjectReview": _self,
    "TokenReview": _token,
    "SelfSubjectAccessReview": _self_access,
    "SubjectAccessReview": _access,
    "LocalSubjectAccessReview": _access,
    "SelfSubjectRulesReview": _rules,
}
