"""Which alerts an event is for, and with which metadata. Plain decisions over values.

Answers to the event server of notification-controller: severity, sources by kind, namespace and name, inclusion and
exclusion lists in Go's regular expressions. Labels are the one thing that an event does not carry: a match that
depends on them says so, and the caller asks the cluster.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from gotk import goregexp
from gotk.api.notification import Alert, CrossNamespaceObjectReference
from image_automation.notification.alerts import wishes
from image_automation.notification.notice import EVENT_PREFIX, Notice
from image_automation.notification.providers import catalog

_EVENT_METADATA = "Alert object .spec.eventMetadata"
_SUMMARY = "Alert object .spec.summary"
_ANNOTATION = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
INVALID_CONFIG = "InvalidConfig"
METADATA_CONFLICT = (
    "metadata key conflicts detected (please refer to the Alert API docs and Flux RFC 0008 for more information)"
)


@dataclass(frozen=True, slots=True)
class Match:
    """How an event meets an alert: not at all, surely, or where the object has all of one of these label sets."""

    holds: bool
    labels: tuple[Mapping[str, str], ...] = ()


NO = Match(holds=False)
YES = Match(holds=True)


def match(alert: Alert, notice: Notice) -> Match:
    """Tell whether one of the sources covers the event's object, and the severity suffices.

    What Flux has no event for is for those alone that ask for it.
    """
    if alert.spec.suspend or not _severe_enough(alert, notice) or not wishes.covers(alert, notice):
        return NO
    wanted: list[Mapping[str, str]] = []
    for source in alert.spec.event_sources:
        if _names(source, alert.metadata.namespace, notice):
            if not source.match_labels:
                return YES
            wanted.append(source.match_labels)
    return Match(holds=True, labels=tuple(wanted)) if wanted else NO


def _severe_enough(alert: Alert, notice: Notice) -> bool:
    return alert.spec.event_severity in {"info", notice.severity}


def _names(source: CrossNamespaceObjectReference, namespace: str, notice: Notice) -> bool:
    about = notice.involved_object
    if (source.namespace or namespace, source.kind) != (about.namespace, about.kind):
        return False
    return source.name in {"*", about.name}


def carries(labels: Mapping[str, str], wanted: Iterable[Mapping[str, str]]) -> bool:
    """Tell whether labels hold all of one of the wanted sets."""
    return any(all(labels.get(key) == value for key, value in each.items()) for each in wanted)


@dataclass(frozen=True, slots=True)
class ListMatch:
    """Whether the lists let a message through, and what is wrong with their patterns."""

    passes: bool
    complaints: tuple[str, ...] = ()


def listed(alert: Alert, message: str) -> ListMatch:
    """Look a message up in the lists: any of the inclusions, if there are some, and none of the exclusions."""
    complaints: list[str] = []
    included = _searches(alert.spec.inclusion_list, message, complaints, "inclusion")
    excluded = _searches(alert.spec.exclusion_list, message, complaints, "exclusion")
    passes = (not alert.spec.inclusion_list or any(included)) and not any(excluded)
    return ListMatch(passes, tuple(complaints))


def _searches(patterns: Iterable[str], message: str, complaints: list[str], which: str) -> Iterator[bool]:
    for pattern in patterns:
        try:
            yield _compiled(pattern).matches(message)
        except ValueError as error:
            complaints.append(f"failed to compile {which} regex: {pattern}: {error}")


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> goregexp.Regexp:
    return goregexp.Regexp(pattern)


@dataclass(frozen=True, slots=True)
class Told:
    """An event with the metadata that an alert's provider gets; `conflicts` are keys that several gave, and who."""

    notice: Notice
    conflicts: Mapping[str, str] = field(default_factory=dict)


def told(alert: Alert, notice: Notice) -> Told:
    """Join the metadata, the later the stronger: free keys, the alert's own, its summary, the controller's."""
    group = f"{notice.involved_object.group}/"
    layers: dict[str, Mapping[str, str]] = {
        "involved object annotations": _stripped(notice, EVENT_PREFIX),
        _EVENT_METADATA: alert.spec.event_metadata,
        _SUMMARY: {"summary": alert.spec.summary} if alert.spec.summary else {},
        "involved object controller metadata": _stripped(notice, group),
    }
    joined: dict[str, str] = {}
    givers: dict[str, list[str]] = {}
    for giver, layer in layers.items():
        joined |= layer
        for key in layer:
            givers.setdefault(key, []).append(giver)
    conflicts = {key: ", ".join(found) for key, found in sorted(givers.items()) if len(found) > 1}
    by_owner = frozenset(key for key, found in givers.items() if found[-1] in {_EVENT_METADATA, _SUMMARY})
    return Told(msgspec.structs.replace(notice, metadata=joined, by_owner=by_owner), conflicts)


def annotations(conflicts: Mapping[str, str]) -> dict[str, str]:
    """Return what can annotate an event: any key is metadata, but not every one names an annotation."""
    return {key: givers for key, givers in conflicts.items() if _ANNOTATION.fullmatch(key)}


def _stripped(notice: Notice, prefix: str) -> dict[str, str]:
    return {key[len(prefix) :]: value for key, value in notice.facts.items() if key.startswith(prefix)}


def takes(provider_type: str, notice: Notice) -> bool:
    """Tell whether a type of provider is told of an event at all. The metadata still has its prefixes."""
    updates = notice.value("commit_status") == "update"
    if updates and provider_type not in catalog.STATUS_UPDATES:
        return False
    if provider_type in catalog.COMMIT_STATUS:
        return updates or notice.is_error or bool(notice.facts.get(f"{EVENT_PREFIX}commit"))
    if provider_type in catalog.CHANGE_REQUEST:
        return bool(notice.facts.get(f"{EVENT_PREFIX}change_request"))
    return True
