"""Events of every type, whole and damaged in every place, beside what the SDK of notification-controller says."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from image_automation.notification.receivers import cdevents
from image_automation.notification.receivers.call import Call, RefusedError

SDK: dict[str, Any] = json.loads(Path(__file__).with_name("cdevents.json").read_text())


def verdict(event: Any) -> str:
    try:
        cdevents.verify(Call(headers={}, body=json.dumps(event).encode()))
    except RefusedError:
        return "n"
    return "y"


def damaged(event: Any, path: list[str], damage: Any) -> Any:
    """Return a copy with one place changed, or taken away."""
    made = copy.deepcopy(event)
    place, last = made, path[-1]
    for step in path[:-1]:
        place = place[int(step) if isinstance(place, list) else step]
    key = int(last) if isinstance(place, list) else last
    if damage == "delete":
        del place[key]
    else:
        place[key] = damage
    return made


@pytest.mark.parametrize("name", sorted(SDK["types"]))
def test_an_event_is_taken_or_refused_as_the_sdk_does(name: str) -> None:
    known = SDK["types"][name]
    event = known["event"]
    assert verdict(event) == known["whole"] == "y"
    small = {
        "context": {"version": "0.4.1", "id": "1", "source": "s", "type": event["context"]["type"]},
        "subject": {"id": "1", "type": event["subject"]["type"], "content": {}},
    }
    assert verdict(small) == known["minimal"]
    different = {}
    for path, letters in known["damaged"].items():
        # p: the SDK falls over, and so does the call; ours refuses.
        wanted = letters.replace("p", "n")
        ours = "".join(verdict(damaged(event, path.split("/"), damage)) for damage in SDK["damages"])
        if ours != wanted:
            different[path] = [(SDK["damages"][i], wanted[i]) for i in range(len(wanted)) if ours[i] != wanted[i]]
    assert different == {}


def test_every_type_of_the_specification_is_known() -> None:
    assert {name.removeprefix("dev.cdevents.") for name in SDK["types"]} == set(cdevents.shapes())
    assert len(cdevents.shapes()) == 46
