"""Acting as another: the Impersonate headers, each of which needs the permission to.

Answers to `endpoints/filters/impersonation.go`.
"""

from urllib.parse import unquote

from multidict import CIMultiDictProxy

from gotk.apiserver import status
from gotk.apiserver.access import identity
from gotk.apiserver.access.authorization import Action, Authorizer, require
from gotk.apiserver.access.identity import AUTHENTICATED, User

_USER, _GROUP, _UID, _EXTRA = "Impersonate-User", "Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-"
_AUTHN = "authentication.k8s.io"


def become(authorizer: Authorizer, user: User, headers: CIMultiDictProxy[str]) -> User:
    """Return whom a request is to be treated as coming from. Raises Refusal (400, 403)."""
    wanted, groups, uid = headers.get(_USER, ""), tuple(headers.getall(_GROUP, ())), headers.get(_UID, "")
    extra: dict[str, tuple[str, ...]] = {}
    for header, value in headers.items():
        if header.lower().startswith(_EXTRA.lower()):
            key = unquote(header[len(_EXTRA) :]).lower()
            extra[key] = (*extra.get(key, ()), value)
    if not wanted:
        if groups or uid or extra:
            raise status.bad_request("requested to impersonate groups, a uid or extra values without a user")
        return user
    account = identity.split(wanted)
    if account is not None:
        asked = Action(verb="impersonate", resource="serviceaccounts", namespace=account[0], name=account[1])
    else:
        asked = Action(verb="impersonate", resource="users", name=wanted)
    actions = [asked, *(Action(verb="impersonate", resource="groups", name=group) for group in groups)]
    if uid:
        actions.append(Action(verb="impersonate", group=_AUTHN, resource="uids", name=uid))
    for key, values in extra.items():
        more = {"group": _AUTHN, "resource": "userextras", "subresource": key}
        actions += [Action(verb="impersonate", name=value, **more) for value in values]
    for action in actions:
        require(authorizer, user, action)
    if account is not None and not groups:
        groups = identity.service_account(*account).groups
    return User(wanted, tuple(dict.fromkeys((*groups, AUTHENTICATED))), uid, extra)
