"""How the three Flux controllers sum conditions up: tables of what was, what happened and what a user then reads."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.kustomize.kustomization import KustomizationReconciler
from deploy.source.git_repository import GitRepositoryReconciler
from gotk.api.meta import Condition
from gotk.runtime import conditions, errors
from gotk.runtime.conditions import Conditions, Rules, Success
from policies.image_policy import ImagePolicyReconciler

IMAGE_RULES = ImagePolicyReconciler.rules
KUSTOMIZE_RULES = KustomizationReconciler.rules
GIT_REPOSITORY_RULES = GitRepositoryReconciler.rules

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE = "2025-12-31T00:00:00Z"

Spelt = tuple[str, str, str, str]
RETRYING = ("Reconciling", "True", "ProgressingWithRetry", "reconciliation in progress")


def condition(type_: str, status: str, reason: str, message: str, generation: int = 1) -> Condition:
    return Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=BEFORE,
        observed_generation=generation,
    )


def spelt(state: Conditions) -> list[Spelt]:
    return [(c.type, c.status, c.reason, c.message) for c in state.as_tuple()]


def begun(before: list[Spelt], rules: Rules, *, generation: int = 1, observed: int = 1) -> Conditions:
    state = Conditions((condition(*each) for each in before), generation=generation, now=NOW)
    conditions.begin(state, rules, generation=generation, observed=observed)
    return state


@pytest.mark.parametrize(
    ("rules", "before", "generation", "observed", "after"),
    [
        pytest.param(
            IMAGE_RULES,
            [],
            1,
            -1,
            [
                ("Reconciling", "True", "Progressing", "processing object: new generation -1 -> 1"),
                ("Ready", "Unknown", "Progressing", "processing object: new generation -1 -> 1"),
            ],
            id="image: a new object is Unknown",
        ),
        pytest.param(
            IMAGE_RULES,
            [("Ready", "True", "Succeeded", "ok")],
            2,
            1,
            [
                ("Reconciling", "True", "Progressing", "processing object: new generation 1 -> 2"),
                ("Ready", "True", "Succeeded", "ok"),
            ],
            id="image: Ready stays True through a new generation",
        ),
        pytest.param(
            GIT_REPOSITORY_RULES,
            [("Ready", "False", "URLInvalid", "bad"), ("Stalled", "True", "URLInvalid", "bad")],
            1,
            1,
            [
                ("Reconciling", "True", "Progressing", "reconciliation in progress"),
                ("Ready", "False", "URLInvalid", "bad"),
            ],
            id="source: reconciling pushes stalled out, Ready stays False",
        ),
        pytest.param(
            KUSTOMIZE_RULES,
            [("Ready", "True", "ReconciliationSucceeded", "Applied revision: x")],
            1,
            1,
            [
                ("Reconciling", "True", "Progressing", "reconciliation in progress"),
                ("Ready", "Unknown", "Progressing", "Reconciliation in progress"),
            ],
            id="kustomize: every run begins Unknown",
        ),
    ],
)
def test_a_run_begins(rules: Rules, before: list[Spelt], generation: int, observed: int, after: list[Spelt]) -> None:
    assert spelt(begun(before, rules, generation=generation, observed=observed)) == after


@pytest.mark.parametrize(
    ("rules", "before", "end", "after", "observed"),
    [
        pytest.param(
            IMAGE_RULES,
            [],
            Success("found 3 tags"),
            [("Ready", "True", "Succeeded", "found 3 tags")],
            True,
            id="image: success",
        ),
        pytest.param(
            IMAGE_RULES,
            [("Ready", "True", "Succeeded", "ok")],
            errors.Retry("ReadOperationFailed", "scan failed: x"),
            [RETRYING, ("Ready", "False", "ReadOperationFailed", "scan failed: x")],
            False,
            id="image: failure after success",
        ),
        pytest.param(
            IMAGE_RULES,
            [("Ready", "False", "AuthenticationFailed", "first")],
            errors.Retry("Failed", "second"),
            [RETRYING, ("Ready", "False", "AuthenticationFailed", "first")],
            False,
            id="image: a False keeps its reason and message where the code says nothing better",
        ),
        pytest.param(
            IMAGE_RULES,
            [("Ready", "False", "AuthenticationFailed", "first")],
            errors.Retry("ReadOperationFailed", "second"),
            [RETRYING, ("Ready", "False", "ReadOperationFailed", "second")],
            False,
            id="image: a False takes a reason that the code gives",
        ),
        pytest.param(
            IMAGE_RULES,
            [("Ready", "True", "Succeeded", "ok")],
            errors.Stalled("ImageURLInvalid", "bad name"),
            [("Stalled", "True", "ImageURLInvalid", "bad name"), ("Ready", "False", "ImageURLInvalid", "bad name")],
            True,
            id="image: stalled is observed",
        ),
        pytest.param(
            IMAGE_RULES,
            [],
            errors.Waiting("DependencyNotReady", "not yet"),
            [RETRYING, ("Ready", "False", "DependencyNotReady", "not yet")],
            False,
            id="image: waiting is not ready",
        ),
        pytest.param(
            IMAGE_RULES,
            [],
            ValueError(),
            [RETRYING, ("Ready", "False", "Failed", "ValueError")],
            False,
            id="image: an error without words is named",
        ),
        pytest.param(
            KUSTOMIZE_RULES,
            [],
            Success("Applied revision: x"),
            [("Ready", "True", "ReconciliationSucceeded", "Applied revision: x")],
            True,
            id="kustomize: success",
        ),
        pytest.param(
            KUSTOMIZE_RULES,
            [("Ready", "False", "BuildFailed", "first")],
            errors.Retry("ReconciliationFailed", "second"),
            [RETRYING, ("Ready", "False", "ReconciliationFailed", "second")],
            False,
            id="kustomize: failure",
        ),
        pytest.param(
            KUSTOMIZE_RULES,
            [],
            errors.Stalled("AccessDenied", "no"),
            [("Stalled", "True", "AccessDenied", "no"), ("Ready", "False", "AccessDenied", "no")],
            False,
            id="kustomize: denied is not observed",
        ),
        pytest.param(
            KUSTOMIZE_RULES,
            [],
            errors.Stalled("InvalidCELExpression", "no"),
            [("Stalled", "True", "InvalidCELExpression", "no"), ("Ready", "False", "InvalidCELExpression", "no")],
            True,
            id="kustomize: an invalid expression is observed",
        ),
        pytest.param(
            GIT_REPOSITORY_RULES,
            [("ArtifactInStorage", "True", "Succeeded", "stored artifact for revision 'x'")],
            Success("anything"),
            [
                ("Ready", "True", "Succeeded", "stored artifact for revision 'x'"),
                ("ArtifactInStorage", "True", "Succeeded", "stored artifact for revision 'x'"),
            ],
            True,
            id="source: Ready says what the artifact says",
        ),
        pytest.param(
            GIT_REPOSITORY_RULES,
            [],
            Success("nothing else known"),
            [("Ready", "True", "Succeeded", "nothing else known")],
            True,
            id="source: success with no other condition is Ready by itself",
        ),
        pytest.param(
            GIT_REPOSITORY_RULES,
            [
                ("ArtifactInStorage", "True", "Succeeded", "stored"),
                ("FetchFailed", "True", "GitOperationFailed", "failed to checkout"),
            ],
            errors.Retry("GitOperationFailed", "failed to checkout"),
            [
                RETRYING,
                ("Ready", "False", "GitOperationFailed", "failed to checkout"),
                ("ArtifactInStorage", "True", "Succeeded", "stored"),
                ("FetchFailed", "True", "GitOperationFailed", "failed to checkout"),
            ],
            False,
            id="source: something abnormal weighs more than the artifact",
        ),
        pytest.param(
            GIT_REPOSITORY_RULES,
            [
                ("ArtifactOutdated", "True", "NewRevision", "new upstream revision"),
                ("StorageOperationFailed", "True", "ArchiveOperationFailed", "disk full"),
                ("FetchFailed", "True", "GitOperationFailed", "old trouble"),
            ],
            errors.Retry("ArchiveOperationFailed", "disk full"),
            [
                RETRYING,
                ("Ready", "False", "ArchiveOperationFailed", "disk full"),
                ("ArtifactOutdated", "True", "NewRevision", "new upstream revision"),
                ("FetchFailed", "True", "GitOperationFailed", "old trouble"),
                ("StorageOperationFailed", "True", "ArchiveOperationFailed", "disk full"),
            ],
            False,
            id="source: the first of the abnormal ones speaks",
        ),
        pytest.param(
            GIT_REPOSITORY_RULES,
            [
                ("ArtifactInStorage", "True", "Succeeded", "stored"),
                ("SourceVerified", "False", "InvalidCommitSignature", "bad signature"),
            ],
            Success("stored"),
            [
                ("Ready", "False", "InvalidCommitSignature", "bad signature"),
                ("ArtifactInStorage", "True", "Succeeded", "stored"),
                ("SourceVerified", "False", "InvalidCommitSignature", "bad signature"),
            ],
            False,
            id="source: a failed verification is never Ready",
        ),
        pytest.param(
            GIT_REPOSITORY_RULES,
            [("ArtifactInStorage", "Unknown", "Progressing", "who knows")],
            Success("stored"),
            [
                ("Ready", "Unknown", "Progressing", "who knows"),
                ("ArtifactInStorage", "Unknown", "Progressing", "who knows"),
            ],
            False,
            id="source: what is unknown stays unknown",
        ),
    ],
)
def test_a_run_ends(
    rules: Rules, before: list[Spelt], end: Success | Exception, after: list[Spelt], observed: bool
) -> None:
    state = begun(before, rules)
    conditions.summarize(state, rules, end)
    assert spelt(state) == after
    assert conditions.observes(state, rules) is observed


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        pytest.param(("True", "Succeeded", "ok"), False, id="the same state keeps its time"),
        pytest.param(("True", "Succeeded", "other"), True, id="another message moves it"),
        pytest.param(("True", "Other", "ok"), True, id="another reason moves it"),
        pytest.param(("False", "Succeeded", "ok"), True, id="another status moves it"),
    ],
)
def test_the_transition_time_moves_with_status_reason_or_message(change: tuple[str, str, str], moved: bool) -> None:
    state = Conditions([condition("Ready", "True", "Succeeded", "ok")], generation=7, now=NOW)
    status, reason, message = change
    (state.mark_true if status == "True" else state.mark_false)("Ready", reason, message)
    ready = state.get("Ready")
    assert ready is not None
    assert (ready.last_transition_time != BEFORE) is moved
    assert ready.observed_generation == 7


def test_a_long_message_is_cut_by_bytes_with_three_dots() -> None:
    state = Conditions([], generation=1, now=NOW)
    state.mark_true("Ready", "Succeeded", "é" * 20000)
    message = state.as_tuple()[0].message
    assert message.endswith("é...")
    assert len(message.encode()) in {32767, 32768}


def test_foreign_conditions_stay_when_ours_are_merged_into_a_fresh_list() -> None:
    fresh = [condition("Approved", "True", "Signed", ""), condition("Ready", "True", "Succeeded", "theirs")]
    ours = [condition("Ready", "False", "Failed", "ours"), condition("Approved", "False", "Old", "")]
    merged = conditions.merge(fresh, ours, IMAGE_RULES.owned)
    assert [(c.type, c.message, c.status) for c in merged] == [("Ready", "ours", "False"), ("Approved", "", "True")]


ENDS = st.sampled_from(
    (Success("ok"), errors.Retry("A", "b"), errors.Stalled("C", "d"), errors.Waiting("E", "f"), KeyError("g"))
)


@given(st.sampled_from((IMAGE_RULES, KUSTOMIZE_RULES, GIT_REPOSITORY_RULES)), st.lists(ENDS, min_size=1, max_size=6))
def test_after_any_history_stalled_and_reconciling_never_meet_and_ready_is_always_there(rules, ends) -> None:
    state = Conditions([], generation=1, now=NOW)
    for end in ends:
        conditions.begin(state, rules, generation=1, observed=1)
        conditions.summarize(state, rules, end)
    types = {c.type for c in state.as_tuple()}
    assert not {"Stalled", "Reconciling"} <= types
    assert all(c.status == "True" for c in state.as_tuple() if c.type in {"Stalled", "Reconciling"})
    assert state.ready == isinstance(ends[-1], Success)
    assert "Ready" in types
