"""ControllerRevisions: the history of templates of StatefulSets and DaemonSets, which `kubectl rollout undo` reads.

Answers to `pkg/controller/history`.
"""

from typing import Any, Final

from gotk.apiserver.simulator.world import REVISIONS, World, fingerprint, owned_by

Json = dict[str, Any]

HASH: Final = "controller-revision-hash"


async def current(world: World, owner: Json) -> str:
    """Return the name of the revision of an object's template, made or moved to the end of the history if need be."""
    template = owner["spec"]["template"]
    name = f"{owner['metadata']['name']}-{fingerprint(template)}"
    history = sorted(world.children(owner, REVISIONS), key=lambda each: each["revision"])
    if history and history[-1]["metadata"]["name"] == name:
        return name
    number = (history[-1]["revision"] if history else 0) + 1
    found = next((each for each in history if each["metadata"]["name"] == name), None)
    if found is not None:
        await world.change(REVISIONS, found, lambda obj: obj.update(revision=number))
        return name
    await world.create(REVISIONS, owner["metadata"]["namespace"], _make(owner, name, number))
    limit = owner["spec"].get("revisionHistoryLimit", 10)
    for each in history[: max(0, len(history) - limit)]:
        await world.delete(REVISIONS, each)
    return name


def mark(name: str) -> str:
    """Return the value of the label that pods of a revision carry in a DaemonSet: the last part of its name."""
    return name.rpartition("-")[2]


def _make(owner: Json, name: str, number: int) -> Json:
    template = owner["spec"]["template"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    return {
        "metadata": {"name": name, "labels": {**labels, HASH: mark(name)}, "ownerReferences": owned_by(owner)},
        "data": {"spec": {"template": {**template, "$patch": "replace"}}},
        "revision": number,
    }
