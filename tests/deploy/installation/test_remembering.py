"""The options of an installation come back as they were recorded, and only what was chosen is."""

from typing import Any

import pytest

from deploy.installation import remembering
from deploy.installation.remembering import Options
from deploy.installation.tailoring import Wishes

_DEPLOYMENT: dict[str, Any] = {"kind": "Deployment", "metadata": {"name": "image-automation"}}
CHOSEN = Options(
    overlay="sharded",
    wishes=Wishes(
        namespace="flux", watch_all_namespaces=False, registry="registry.example.com/a", toleration_keys=("x", "y")
    ),
)


def test_what_was_chosen_comes_back() -> None:
    kept, other = remembering.record([_DEPLOYMENT, {"kind": "Service"}], CHOSEN)
    assert kept["metadata"]["annotations"] == {
        remembering.ANNOTATION: (
            '{"overlay":"sharded","registry":"registry.example.com/a","toleration-keys":["x","y"],'
            '"watch-all-namespaces":false}'
        )
    }
    assert other == {"kind": "Service"}
    assert remembering.recorded([_DEPLOYMENT, kept], "flux") == CHOSEN
    assert "annotations" not in _DEPLOYMENT["metadata"]


def test_every_wish_can_be_recorded() -> None:
    every = Wishes(
        namespace="x", watch_all_namespaces=False, network_policy=False, log_level="debug", registry="r",
        image_pull_secret="s", cluster_domain="d", toleration_keys=("k",),
    )  # fmt: skip
    options = Options(overlay="image", wishes=every)
    assert remembering.recorded(remembering.record([_DEPLOYMENT], options), "x") == options


def test_what_is_usual_is_not_recorded() -> None:
    usual = Options(wishes=Wishes(namespace="second"))
    assert remembering.record([_DEPLOYMENT], usual) == [_DEPLOYMENT]
    assert remembering.recorded([_DEPLOYMENT], "second") == usual


def test_options_are_said_as_they_are_typed() -> None:
    assert remembering.typed(CHOSEN.chosen) == (
        "--overlay=sharded --registry=registry.example.com/a --toleration-keys=x,y --watch-all-namespaces=false"
    )


def test_what_is_named_now_counts() -> None:
    changed = CHOSEN.but(None, {"registry": "other"})
    assert (changed.overlay, changed.wishes.registry, changed.wishes.watch_all_namespaces) == (
        "sharded",
        "other",
        False,
    )


@pytest.mark.parametrize("text", ["{", '{"colour":"red"}', '{"registry":1}'])
def test_a_record_of_another_version_is_refused(text: str) -> None:
    with pytest.raises(remembering.UnreadableRecord):
        remembering.recorded([{"metadata": {"annotations": {remembering.ANNOTATION: text}}}], "x")


def test_what_kubectl_applied_has_no_record() -> None:
    def by(manager: str) -> dict[str, Any]:
        return {"metadata": {"name": manager, "managedFields": [{"manager": manager, "operation": "Apply"}]}}

    assert remembering.unrecorded([by("kubectl"), by("image-automation"), by("kustomize-controller")]) == ["kubectl"]
