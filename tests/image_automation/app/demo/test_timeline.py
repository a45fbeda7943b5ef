"""The stages of a HelmRelease: what of an object shows that the tag has come so far, and what does not yet."""

from typing import Any

from image_automation.app.demo import timeline

STAGES = timeline.RELEASES[-3:]


def release(tag: str, *, generation: int, observed: int, ready: str = "True", message: str = "") -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "observedGeneration": observed, "message": message}
    return {
        "kind": "HelmRelease",
        "metadata": {"namespace": "apps", "name": "web", "generation": generation},
        "spec": {"values": {"image": {"tag": tag}}},
        "status": {"conditions": [condition]},
    }


def deployment(tag: str) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"namespace": "apps", "name": "web"},
        "spec": {"template": {"spec": {"containers": [{"image": f"registry.example.com/web:{tag}"}]}}},
    }


def names(track: timeline.Timeline) -> list[str]:
    return [each.stage for each in track.reached]


def test_a_release_has_succeeded_when_it_says_so_of_the_values_with_the_tag() -> None:
    track = timeline.Timeline(tag="1.1.0", stages=STAGES)
    track.observe(release("1.0.1", generation=1, observed=1), 0.1)
    track.observe(deployment("1.0.1"), 0.1)
    assert names(track) == []

    track.observe(release("1.1.0", generation=2, observed=1), 0.2)
    track.observe(deployment("1.1.0"), 0.3)
    assert names(track) == ["declared", "applied"]
    assert not track.done

    track.observe(release("1.1.0", generation=2, observed=2, ready="Unknown"), 0.4)
    assert names(track) == ["declared", "applied"]

    track.observe(release("1.1.0", generation=2, observed=2, message="Helm upgrade succeeded"), 0.5)
    assert [(each.stage, each.detail) for each in track.reached] == [
        ("declared", "HelmRelease apps/web has values.image.tag 1.1.0"),
        ("applied", "apps/web runs registry.example.com/web:1.1.0"),
        ("released", "Helm upgrade succeeded"),
    ]
    assert track.done


def test_the_tag_has_arrived_when_the_deployment_has_it_not_when_the_release_is_done() -> None:
    track = timeline.Timeline(tag="1.1.0", stages=STAGES)
    track.observe(release("1.1.0", generation=2, observed=1), 0.2)
    track.observe(deployment("1.1.0"), 0.3)
    track.observe(release("1.1.0", generation=2, observed=2), 0.5)
    assert track.arrived == 0.3
