"""Reviews: questions that are answered at once and never stored.

Answers to authentication.k8s.io (who am I, whose token is this) and authorization.k8s.io (may I, may they): the admin
may do everything, nobody else may do anything.
"""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from gotk.apiserver import auth, body, decoding, status
from gotk.apiserver.call import Call

Json = dict[str, Any]
_ADMIN = "the admin of this control plane may do everything"


async def review(call: Call) -> web.StreamResponse:
    """Answer the question in the body."""
    if call.request.method != "POST":
        raise status.not_allowed("the server does not allow this method on the requested resource")
    obj = body.decode(await call.request.read(), call.content_type, call.resource)
    decoding.check(obj, call.resource)
    obj["status"] = _ANSWERS[call.resource.kind](call, obj.get("spec") or {})
    obj.setdefault("metadata", {})
    return call.answer(201, orjson.dumps(obj))


def _self(call: Call, spec: Json) -> Json:
    del spec
    return {"userInfo": _info(call.user)}


def _token(call: Call, spec: Json) -> Json:
    user = call.plane.authenticator.by_token(str(spec.get("token") or ""))
    if user is None:
        return {"authenticated": False, "error": "the token is not known here"}
    return {"authenticated": True, "user": _info(user)}


def _self_access(call: Call, spec: Json) -> Json:
    del call, spec
    return {"allowed": True, "reason": _ADMIN}


def _access(call: Call, spec: Json) -> Json:
    del call
    allowed = auth.MASTERS in (spec.get("groups") or ())
    return {"allowed": allowed, "reason": _ADMIN} if allowed else {"allowed": False}


def _rules(call: Call, spec: Json) -> Json:
    del call, spec
    return {
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": False,
    }


def _info(user: auth.User) -> Json:
    return {"username": user.name, "groups": list(user.groups)}


_ANSWERS: dict[str, Callable[[Call, Json], Json]] = {
    "SelfSubjectReview": _self,
    "TokenReview": _token,
    "SelfSubjectAccessReview": _self_access,
    "SubjectAccessReview": _access,
    "LocalSubjectAccessReview": _access,
    "SelfSubjectRulesReview": _rules,
}
