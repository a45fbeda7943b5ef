"""Which events an alert is for, and with which metadata."""

from typing import Any

import pytest

from image_automation.notification import notice
from image_automation.notification.alerts import matching
from image_automation.notification.providers import catalog
from tests.image_automation.notification import scene

GROUP = scene.GROUP

MATCHES = {
    "any object of the kind": ({}, True),
    "the object by its name": ({"eventSources": [{"kind": "Kustomization", "name": "web"}]}, True),
    "not another name": ({"eventSources": [{"kind": "Kustomization", "name": "api"}]}, False),
    "not a name that the object's begins with": ({"eventSources": [{"kind": "Kustomization", "name": "we"}]}, False),
    "not another kind": ({"eventSources": [{"kind": "HelmRelease", "name": "*"}]}, False),
    "not another namespace": ({"eventSources": [{"kind": "Kustomization", "name": "*", "namespace": "x"}]}, False),
    "one source of several": (
        {"eventSources": [{"kind": "HelmRelease", "name": "*"}, {"kind": "Kustomization", "name": "*"}]},
        True,
    ),
    "errors, if only those are wanted": ({"eventSeverity": "error"}, True),
    "nothing while suspended": ({"suspend": True}, False),
}


@pytest.mark.parametrize(("spec", "holds"), MATCHES.values(), ids=MATCHES)
def test_an_alert_is_for(spec: dict[str, Any], holds: bool) -> None:
    assert matching.match(scene.alert(**spec), scene.notice()).holds is holds


def test_what_went_well_is_not_for_an_alert_of_errors() -> None:
    assert not matching.match(scene.alert(eventSeverity="error"), scene.notice(severity="info")).holds


def test_labels_are_left_to_the_cluster_unless_another_source_matches_without() -> None:
    labelled = {"kind": "Kustomization", "name": "*", "matchLabels": {"team": "a"}}
    asks = matching.match(scene.alert(eventSources=[labelled]), scene.notice())
    assert asks.labels == ({"team": "a"},)
    both = scene.alert(eventSources=[labelled, {"kind": "Kustomization", "name": "web"}])
    assert matching.match(both, scene.notice()) == matching.YES
    assert matching.carries({"team": "a", "tier": "x"}, asks.labels)
    assert not matching.carries({"team": "b"}, asks.labels)


def test_where_a_version_runs_is_for_those_alone_that_ask() -> None:
    reached = scene.notice(reason="TagReached")
    asks = scene.alert(annotations={"image-automation.dev/tell": "reached"})
    assert (matching.match(scene.alert(), reached), matching.match(asks, reached)) == (matching.NO, matching.YES)
    assert matching.match(asks, scene.notice()) == matching.YES


LISTS = {
    "no lists": ({}, True),
    "one inclusion that matches anywhere": ({"inclusionList": ["never", "failed"]}, True),
    "no inclusion that matches": ({"inclusionList": ["^failed"]}, False),
    "an exclusion": ({"exclusionList": ["check.*30s"]}, False),
    "an exclusion beats an inclusion": ({"inclusionList": ["failed"], "exclusionList": ["health"]}, False),
    "a bad inclusion lets nothing through by itself": ({"inclusionList": ["("]}, False),
    "a bad exclusion is ignored": ({"exclusionList": ["("]}, True),
}


@pytest.mark.parametrize(("spec", "passes"), LISTS.values(), ids=LISTS)
def test_the_lists_say(spec: dict[str, Any], passes: bool) -> None:
    assert matching.listed(scene.alert(**spec), "health check failed after 30s").passes is passes


def test_no_pattern_is_looked_at_behind_the_one_that_decides() -> None:
    assert matching.listed(scene.alert(inclusionList=["x", "("]), "x") == matching.ListMatch(True)
    assert matching.listed(scene.alert(inclusionList=["y"], exclusionList=["("]), "x") == matching.ListMatch(False)


def test_a_bad_pattern_is_complained_of_in_gos_words() -> None:
    verdict = matching.listed(scene.alert(exclusionList=["a(b"]), "x")
    assert verdict.complaints == (
        "failed to compile exclusion regex: a(b: error parsing regexp: missing closing ): `a(b`",
    )


def test_the_controllers_metadata_beats_summary_alert_and_annotations() -> None:
    event = scene.notice(metadata={
        "event.toolkit.fluxcd.io/team": "annotation", "event.toolkit.fluxcd.io/env": "annotation",
        f"{GROUP}/revision": "controller",
    })  # fmt: skip
    alert = scene.alert(eventMetadata={"env": "alert", "revision": "alert", "summary": "alert"}, summary="spec")
    told = matching.told(alert, event)
    assert told.notice.metadata == {
        "team": "annotation", "env": "alert", "summary": "spec", "revision": "controller",
    }  # fmt: skip
    assert told.conflicts == {
        "env": "involved object annotations, Alert object .spec.eventMetadata",
        "revision": "Alert object .spec.eventMetadata, involved object controller metadata",
        "summary": "Alert object .spec.eventMetadata, Alert object .spec.summary",
    }


def test_only_keys_that_name_annotations_annotate() -> None:
    named = dict.fromkeys(("env", "a.io/env", "a b", "", "a/b/c", "-a", "x" * 64), "givers")
    assert matching.annotations(named).keys() == {"env", "a.io/env"}


UPDATE = {f"{GROUP}/commit_status": "update"}
COMMIT = {"event.toolkit.fluxcd.io/commit": scene.COMMIT}
TAKES = {
    "chat takes no status update": ("slack", "info", UPDATE, False),
    "generic takes status updates": ("generic", "info", UPDATE, True),
    "git takes status updates": ("github", "info", UPDATE, True),
    "git takes errors": ("gitlab", "error", {}, True),
    "git takes what names a commit": ("gitea", "info", COMMIT, True),
    "git takes no empty commit": ("gitea", "info", {"event.toolkit.fluxcd.io/commit": ""}, False),
    "git takes nothing else": ("bitbucket", "info", {}, False),
    "comments need a request": ("githubpullrequestcomment", "error", {}, False),
    "comments take what names one": (
        "gitlabmergerequestcomment", "info", {"event.toolkit.fluxcd.io/change_request": "7"}, True,
    ),
    "a dispatch takes no status update": ("githubdispatch", "info", UPDATE, False),
}  # fmt: skip


@pytest.mark.parametrize(("type_", "severity", "metadata", "takes"), TAKES.values(), ids=TAKES)
def test_a_type_of_provider_takes(type_: str, severity: str, metadata: dict[str, str], takes: bool) -> None:
    assert type_ in catalog.TYPES
    assert matching.takes(type_, scene.notice(severity=severity, metadata=metadata)) is takes


def test_only_what_the_alerts_owner_wrote_last_is_the_owners() -> None:
    spec = {"eventMetadata": {"cluster": "prod", "revision": "mine"}, "summary": "owner <@U1>"}
    facts = {f"{GROUP}/revision": "main@sha1:1", f"{matching.EVENT_PREFIX}branch": "<!channel>"}
    told = matching.told(scene.alert(**spec), scene.notice(metadata=facts))
    assert told.notice.by_owner == {"cluster", "summary"}, "the controller's revision is stronger than the owner's"
    assert told.notice.facts["revision"] == "main@sha1:1"


def test_nobody_who_posts_an_event_can_speak_as_an_owner() -> None:
    posted = b'{"metadata": {"summary": "<!channel>"}, "byOwner": ["summary"], "by_owner": ["summary"]}'
    assert notice.read(posted).by_owner == frozenset()
