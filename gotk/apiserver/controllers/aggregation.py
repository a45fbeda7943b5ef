"""ClusterRoles that gather the rules of others. Answers to kube-controller-manager's clusterrole-aggregation."""

from collections.abc import Mapping, Sequence
from typing import Any

from gotk import selectors
from gotk.apiserver.access.rbac import CLUSTER_ROLES
from gotk.apiserver.call import Plane
from gotk.apiserver.controllers import edits
from gotk.apiserver.controllers.feed import Feed
from gotk.apiserver.storage.store import Event, Key
from gotk.apiserver.wire import options

Json = dict[str, Any]

_HOW = options.Write(manager="clusterrole-aggregation-controller", validation="Ignore")


class RoleAggregation:
    """Keeps aggregated roles in step with the roles they select."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.feed: Feed[Key] = Feed()
        self._look_at_all()
        plane.store.subscribe(self._observe)

    async def run(self) -> None:
        """Look after aggregated roles, forever."""
        await self.feed.work(self._look)

    def _observe(self, events: Sequence[Event]) -> None:
        if any(event.current.key.storage == CLUSTER_ROLES for event in events):
            self._look_at_all()

    def _look_at_all(self) -> None:
        for item in self._plane.store.objects(CLUSTER_ROLES):
            if b'"aggregationRule":{' in item.data:
                self.feed.add(item.key)

    async def _look(self, key: Key) -> None:
        item = self._plane.store.latest(key)
        chosen = _chosen(item.object()) if item is not None else []
        if item is None or not chosen:
            return
        rules: list[Json] = []
        for other in self._plane.store.objects(CLUSTER_ROLES):
            if other.key != key and any(_matches(each, other.labels) for each in chosen):
                rules += [rule for rule in other.object().get("rules") or () if rule not in rules]
        if rules != (item.object().get("rules") or []):
            await edits.change(self._plane, key, lambda obj: obj.update(rules=rules), _HOW)


def _chosen(role: Json) -> list[Json]:
    return (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or []


def _matches(selector: Json, labels: Mapping[str, str]) -> bool:
    """Whether a label selector of the structured kind matches."""
    wanted = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or ():
        key, operator, values = each["key"], each["operator"], ",".join(each.get("values") or ())
        forms = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        wanted.append(forms[operator])
    try:
        return selectors.parse_labels(",".join(wanted)).matches(labels)
    except ValueError:
        return False
