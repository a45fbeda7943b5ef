"""Who is woken by what: a repository that moves, or is asked for, wakes those that keep pull requests there."""

from typing import Any

import pytest

from gotk.api import extensions, scheme
from gotk.api.meta import REQUESTED_AT
from gotk.api.source import GitRepository
from gotk.runtime.reconciler import Key
from image_automation import triggers
from tests.image_automation.automating import Store, automation, repository
from tests.image_automation.pull_requests.forging import annotated


def at(revision: str = "main@sha1:a", asked: str = "") -> GitRepository:
    written = scheme.to_builtins(repository("https://git.example.com/org/web"))
    written["metadata"]["annotations"] = {REQUESTED_AT: asked} if asked else {}
    written["status"] = {
        "artifact": {
            "path": "p",
            "url": "u",
            "revision": revision,
            "digest": "sha256:a",
            "lastUpdateTime": "2026-01-01T12:00:00Z",
        }
    }
    return scheme.convert(written, GitRepository)


@pytest.mark.parametrize(
    ("old", "new", "woken"),
    [
        pytest.param(at(), at("main@sha1:b"), True, id="a merge was fetched"),
        pytest.param(at(), at(asked="now"), True, id="a webhook asks for it"),
        pytest.param(at(asked="now"), at(asked="now"), False, id="nothing new"),
        pytest.param(None, at(), False, id="it is made"),
        pytest.param(at(), None, False, id="it goes"),
    ],
)
def test_a_repository_wakes(old: Any, new: Any, woken: bool):
    assert triggers.moved(old, new) is woken


def test_those_that_keep_pull_requests_there_alone():
    keeping = annotated(automation("keeping"), {extensions.PULL_REQUEST: "{}"})
    elsewhere = annotated(automation("elsewhere", sourceRef={"name": "other"}), {extensions.PULL_REQUEST: "{}"})
    store = Store(automation("pushing"), keeping, elsewhere)
    assert list(triggers.proposing_to(at(), store)) == [Key("apps", "keeping")]
