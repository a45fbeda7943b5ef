"""What wakes automations that take failures back."""

import msgspec
import pytest

from gotk.api.image import ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Condition
from gotk.runtime.reconciler import Key
from image_automation import triggers
from tests.image_automation.automating import Store, automation
from tests.image_automation.recovering.test_deployments import kustomization, ready, release

GOOD, BAD = ready("True", "ReconciliationSucceeded"), ready("False", "HealthCheckFailed")
OTHER_BAD, BUSY = ready("False", "BuildFailed"), ready("Unknown", "Progressing")
CHANGES = {
    "it begins to fail": (GOOD, BAD, True),
    "it begins to fail after it was looked at": (BUSY, BAD, True),
    "it fails otherwise": (BAD, OTHER_BAD, True),
    "it ends to fail": (BAD, GOOD, True),
    "it fails as before": (BAD, BAD, False),
    "it stays good": (BUSY, GOOD, False),
}


@pytest.mark.parametrize(("before", "after", "wakes"), CHANGES.values(), ids=CHANGES)
def test_what_wakes(before: dict[str, str], after: dict[str, str], wakes: bool) -> None:
    assert triggers.fails_otherwise(kustomization(before), kustomization(after)) is wakes


def test_a_kustomization_that_comes_failing_wakes_and_one_that_goes_does_not() -> None:
    assert triggers.fails_otherwise(None, kustomization(BAD))
    assert not triggers.fails_otherwise(kustomization(BAD), None)


def test_only_those_that_opted_in_and_write_to_the_same_repository_are_woken() -> None:
    store, plain = Store(automation("plain")), automation("wants")
    metadata = msgspec.structs.replace(plain.metadata, annotations={"image-automation.dev/on-failure": "revert"})
    store.put(msgspec.structs.replace(plain, metadata=metadata))
    wants = [Key("apps", "wants")]
    reference = {"kind": "GitRepository", "name": "fleet", "namespace": "apps"}
    here: Kustomization = kustomization(BAD, sourceRef=reference)
    assert list(triggers.of_those_that_recover(here, store)) == wants
    assert list(triggers.of_those_that_recover(kustomization(BAD), store)) == []
    assert list(triggers.of_those_that_recover(release(), store)) == wants
    waiting = store.get(ImageUpdateAutomation, "apps", "wants")
    told = Condition(
        type="image-automation.dev/UpdateFailed",
        status="True",
        reason="UpdateFailed",
        message="",
        last_transition_time="",
    )
    store.put(msgspec.structs.replace(waiting, status=msgspec.structs.replace(waiting.status, conditions=(told,))))
    assert list(triggers.of_those_that_recover(kustomization(GOOD), store)) == wants
