"""JSON patches do what RFC 6902 says, and not more of it than a server can bear."""

from typing import Any

import pytest

from gotk.apiserver.apply import patches
from gotk.apiserver.status import Refusal
from tests.gotk.apiserver.caller import JSON_PATCH, Caller
from tests.gotk.apiserver.widgets import config_map


def copies(count: int, start: str = "/data") -> list[dict[str, Any]]:
    return [{"op": "copy", "from": start, "path": f"{start}/k{number}"} for number in range(count)]


def refused(target: Any, operations: Any) -> tuple[int, str]:
    with pytest.raises(Refusal) as error:
        patches.json_patch(target, operations)
    return error.value.code, error.value.message


@pytest.mark.parametrize("count", [18, 60, 1000])
def test_an_object_cannot_be_doubled_without_end(count: int) -> None:
    assert refused({"data": {"a": "x" * 100}}, copies(count))[0] == 422


def test_so_much_may_be_copied_and_no_more() -> None:
    text = "x" * (patches.COPIED // 3 - 2)  # with its quotes a third
    target = {"data": {"a": text}}
    thrice = [{"op": "copy", "from": "/data/a", "path": f"/data/{name}"} for name in "bcd"]
    assert patches.json_patch(target, thrice)["data"] == dict.fromkeys("abcd", text)
    assert (
        refused({"data": {"a": text, "z": 1}}, [*thrice, {"op": "copy", "from": "/data/z", "path": "/data/y"}])[0]
        == 422
    )


def test_so_many_operations_may_be_and_no_more() -> None:
    adds = [{"op": "add", "path": "/a", "value": number} for number in range(patches.OPERATIONS)]
    assert patches.json_patch({}, adds) == {"a": patches.OPERATIONS - 1}
    code, message = refused({}, [*adds, adds[0]])
    assert code == 413
    assert message == "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"


def test_copies_that_nest_are_refused_before_they_are_too_deep_to_write() -> None:
    assert refused({"a": {}}, [{"op": "copy", "from": "/a", "path": "/a/b"}] * 10_000)[0] == 422


def test_the_target_stays_as_it_was() -> None:
    target = {"a": {"b": [1]}}
    patches.json_patch(target, [{"op": "add", "path": "/a/b/-", "value": 2}, {"op": "remove", "path": "/a"}])
    assert target == {"a": {"b": [1]}}


async def test_the_api_answers_as_upstream_does(api: Caller) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    await api.post(path, config_map("a", a="b"))
    before = (await api.get(f"{path}/a")).body
    doubled = await api.patch(f"{path}/a", copies(40), media=JSON_PATCH)
    assert (doubled.status, doubled.reason) == (422, "Invalid")
    many = await api.patch(f"{path}/a", [{"op": "test", "path": "/data/a", "value": "b"}] * 10_001, media=JSON_PATCH)
    assert (many.status, many.reason) == (413, "RequestEntityTooLarge")
    assert (await api.get(f"{path}/a")).body == before
