"""The union of the sources: what consumers read is in it, and what is in it can be read alike."""

from collections.abc import Sequence
from typing import Any, get_args

import pytest

from deploy.kustomize import wakes
from gotk.api import scheme
from gotk.api.meta import Artifact, Object
from gotk.api.source import SOURCES, ExternalArtifact, Source
from gotk.runtime.reconciler import Key, Sifted


def test_a_source_is_found_by_the_name_that_a_reference_spells() -> None:
    gated = {"ExternalArtifact": ExternalArtifact}
    assert {**SOURCES, **gated} == {kind.__name__: kind for kind in get_args(Source)}
    assert not SOURCES.keys() & gated.keys()
    assert {"GitRepository"} <= SOURCES.keys()


@pytest.mark.parametrize("kind", get_args(Source), ids=lambda kind: kind.__name__)
def test_every_source_is_served_and_has_an_artifact(kind: type[Source]) -> None:
    assert scheme.resource_of(kind).kind == kind.__name__
    status: Any = kind.__annotations__["status"]
    assert status.__annotations__["artifact"] == Artifact | None


def test_every_source_wakes_what_is_built_from_it() -> None:
    async def sift(_: Any, keys: Sequence[Key]) -> Sifted:
        return Sifted(keys, ())

    def watched(*, external: bool) -> set[type[Object]]:
        return {watch.kind for watch in wakes.of_sources(sift, external=external)}

    assert watched(external=False) == set(SOURCES.values())
    assert watched(external=True) == {*SOURCES.values(), ExternalArtifact}
