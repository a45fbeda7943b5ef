"""Whoever sends requests: a name, groups, and what else a credential says. Answers to `authentication/user.Info`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]

ADMIN: Final = "kubernetes-admin"
#: Members may do everything, whatever the roles say.
MASTERS: Final = "system:masters"
AUTHENTICATED: Final = "system:authenticated"
_PREFIX: Final = "system:serviceaccount:"
_ACCOUNTS: Final = "system:serviceaccounts"


@dataclass(frozen=True, slots=True)
class User:
    """Whoever sent a request."""

    name: str
    groups: tuple[str, ...]
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def info(self) -> Json:
        """Return the user as reviews tell it."""
        told: Json = {"username": self.name}
        if self.uid:
            told["uid"] = self.uid
        told["groups"] = list(self.groups)
        if self.extra:
            told["extra"] = {key: list(values) for key, values in self.extra.items()}
        return told


def service_account(
    namespace: str, name: str, uid: str = "", extra: Mapping[str, tuple[str, ...]] | None = None
) -> User:
    """Return the user that a service account is."""
    groups = (_ACCOUNTS, f"{_ACCOUNTS}:{namespace}", AUTHENTICATED)
    return User(f"{_PREFIX}{namespace}:{name}", groups, uid, extra or {})


def split(name: str) -> tuple[str, str] | None:
    """Return namespace and name of the service account that a user is, if it is one."""
    parts = name.removeprefix(_PREFIX).split(":")
    return (parts[0], parts[1]) if name.startswith(_PREFIX) and len(parts) == 2 and all(parts) else None
