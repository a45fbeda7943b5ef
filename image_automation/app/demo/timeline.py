"""Where a pushed tag stands: the stages of its way, recognised in the objects as they change. Pure.

Each stage is recognised in the status of the object that is responsible for it, so the demo shows what any user can see
with `kubectl get -w`, and nothing that only this process knows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gotk.api import extensions

Json = Mapping[str, Any]
#: The stage at which the Deployment has the tag.
APPLIED = "applied"
#: The stage at which Git has the version before again.
REVERTED = "reverted"


@dataclass(frozen=True, slots=True)
class Reached:
    """A stage was reached: when (seconds since the push), and what it brought."""

    stage: str
    seconds: float
    detail: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the way: whose status shows it, and how. `recognise` gives the detail, or None while not there."""

    name: str
    kind: str
    recognise: Callable[[Json, "Timeline"], str | None]


class Timeline:
    """The way of one tag. `known` is the state before the push, so that what is old is not taken for new."""

    def __init__(self, *, tag: str, stages: "Sequence[Stage]") -> None:
        self.tag = tag
        self.commit = ""
        self.reached: list[Reached] = []
        self._stages = stages
        self._latest: dict[str, Json] = {}

    @property
    def done(self) -> bool:
        """Whether the tag has arrived."""
        return len(self.reached) == len(self._stages)

    @property
    def arrived(self) -> float:
        """How many seconds after the push the Deployment had the tag."""
        return next(each.seconds for each in self.reached if each.stage == APPLIED)

    @property
    def next(self) -> str:
        """The stage that is being waited for."""
        return "" if self.done else self._stages[len(self.reached)].name

    def observe(self, obj: Json, seconds: float) -> Sequence[Reached]:
        """Take an object's new state in and return the stages that it shows. Order is kept: none is reached early."""
        name = f"{obj.get('kind')}/{_dig(obj, 'metadata', 'name')}"
        self._latest[name] = obj
        before = len(self.reached)
        for stage in self._stages[before:]:
            candidates = [each for each in self._latest.values() if each.get("kind") == stage.kind]
            details = [detail for each in candidates if (detail := stage.recognise(each, self)) is not None]
            if not details or len(details) < len(candidates):
                break
            self.reached.append(Reached(stage.name, seconds, details[0]))
        return self.reached[before:]


def _dig(obj: Any, *path: str) -> Any:
    for key in path:
        obj = obj.get(key) if isinstance(obj, Mapping) else None
    return obj


def _condition(obj: Json, type_: str) -> Json:
    return next((found for found in _dig(obj, "status", "conditions") or () if found.get("type") == type_), {})


def _scanned(obj: Json, timeline: Timeline) -> str | None:
    result = _dig(obj, "status", "lastScanResult") or {}
    if timeline.tag not in (result.get("latestTags") or ()):
        return None
    return f"{result.get('tagCount')} tags at {_dig(obj, 'status', 'canonicalImageName')}"


def _chosen(obj: Json, timeline: Timeline) -> str | None:
    if _dig(obj, "status", "latestRef", "tag") != timeline.tag:
        return None
    old = _dig(obj, "status", "observedPreviousRef", "tag")
    span = _dig(obj, "spec", "policy", "semver", "range")
    return f"{timeline.tag} is the highest version in {span} (before: {old})"


def _committed(obj: Json, timeline: Timeline) -> str | None:
    observed = _dig(obj, "status", "observedPolicies", "web", "tag")
    branch, _, commit = str(_dig(obj, "status", "observedSourceRevision") or "").partition("@sha1:")
    if not commit or observed != timeline.tag:
        return None
    timeline.commit = commit
    return f"{commit[:8]} on {branch}"


def _fetched(obj: Json, timeline: Timeline) -> str | None:
    artifact = _dig(obj, "status", "artifact") or {}
    if not str(artifact.get("revision", "")).endswith(timeline.commit):
        return None
    return f"artifact {str(artifact.get('digest', ''))[:19]}, {artifact.get('size')} bytes"


def _applied(obj: Json, timeline: Timeline) -> str | None:
    containers = _dig(obj, "spec", "template", "spec", "containers") or ()
    images = [str(container.get("image")) for container in containers]
    if not all(name.endswith(f":{timeline.tag}") for name in images):
        return None
    return f"{_dig(obj, 'metadata', 'namespace')}/{_dig(obj, 'metadata', 'name')} runs {', '.join(images)}"


def _declared(obj: Json, timeline: Timeline) -> str | None:
    if _dig(obj, "spec", "values", "image", "tag") != timeline.tag:
        return None
    name = f"{_dig(obj, 'metadata', 'namespace')}/{_dig(obj, 'metadata', 'name')}"
    return f"HelmRelease {name} has values.image.tag {timeline.tag}"


def _released(obj: Json, timeline: Timeline) -> str | None:
    ready = _condition(obj, "Ready")
    if _declared(obj, timeline) is None or ready.get("status") != "True":
        return None
    if ready.get("observedGeneration") != _dig(obj, "metadata", "generation"):
        return None
    return str(ready.get("message"))


def _failed(obj: Json, timeline: Timeline) -> str | None:
    ready = _condition(obj, "Ready")
    attempted = str(_dig(obj, "status", "lastAttemptedRevision") or "")
    if ready.get("status") != "False" or not attempted.endswith(timeline.commit):
        return None
    return f"{ready.get('reason')}: {str(ready.get('message', '')).splitlines()[0]}"


def _release_failed(obj: Json, timeline: Timeline) -> str | None:
    ready = _condition(obj, "Ready")
    if ready.get("status") != "False" or _declared(obj, timeline) is None:
        return None
    return f"{ready.get('reason')}: {str(ready.get('message', '')).splitlines()[0]}"


def _reverted(obj: Json, timeline: Timeline) -> str | None:
    held = _condition(obj, extensions.UPDATES_HELD)
    pushed = str(_dig(obj, "status", "lastPushCommit") or "")
    if held.get("reason") != "Quarantined" or pushed == timeline.commit:
        return None
    timeline.commit = pushed
    return f"{pushed[:8]}: {timeline.tag} is quarantined until a newer version is chosen"


def _healthy(obj: Json, timeline: Timeline) -> str | None:
    applied = str(_dig(obj, "status", "lastAppliedRevision") or "")
    if _condition(obj, "Ready").get("status") != "True" or not applied.endswith(timeline.commit):
        return None
    return str(_condition(obj, "Ready").get("message"))


_COMMON = (
    Stage("scanned", "ImageRepository", _scanned),
    Stage("chosen", "ImagePolicy", _chosen),
    Stage("committed", "ImageUpdateAutomation", _committed),
    Stage("fetched", "GitRepository", _fetched),
)
_TAKEN_BACK = (Stage(REVERTED, "ImageUpdateAutomation", _reverted), Stage("healthy", "Kustomization", _healthy))
_APPLIED = Stage(APPLIED, "Deployment", _applied)
MANIFESTS = (*_COMMON, _APPLIED)
#: Helm applies first and waits for what it applied: the release has succeeded when the Deployment is there and healthy.
RELEASES = (
    *_COMMON,
    Stage("declared", "HelmRelease", _declared),
    _APPLIED,
    Stage("released", "HelmRelease", _released),
)
#: The way of a tag that fails where the owner wants failures taken back.
MANIFESTS_FAIL = (*MANIFESTS, Stage("failed", "Kustomization", _failed), *_TAKEN_BACK)
RELEASES_FAIL = (*RELEASES[:-1], Stage("failed", "HelmRelease", _release_failed), *_TAKEN_BACK)
