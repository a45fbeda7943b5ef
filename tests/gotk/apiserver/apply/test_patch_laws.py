"""Patches of every kind beside simple models of them, on generated objects.

The models say what a patch means in the plainest way, without a thought for speed: they search where the product looks
up, and copy where it shares.
"""

import copy
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gotk.apiserver.apply import merge as merging
from gotk.apiserver.apply import patches, strategic
from gotk.apiserver.builtin import served
from gotk.apiserver.schema.node import Node
from gotk.apiserver.status import Refusal
from tests.laws import thorough

KEYS = st.sampled_from(["a", "b", "c", "d/e", "f~g", "0", ""])
SCALARS = st.one_of(st.booleans(), st.integers(0, 2), st.sampled_from(["", "x", "y"]))


def values(*, nulls: bool) -> st.SearchStrategy[Any]:
    leaves = st.one_of(st.none(), SCALARS) if nulls else SCALARS
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
    )


OBJECTS = st.dictionaries(KEYS, values(nulls=False), max_size=4)


def exact(value: Any) -> str:
    """Tell true from 1, which Python takes for the same."""
    return json.dumps(value, sort_keys=True)


# -- JSON merge patch -------------------------------------------------------------------------------------------------


def difference(old: Any, new: Any) -> Any:
    """Return the merge patch that makes one object of another; neither holds null."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    gone = dict.fromkeys(old.keys() - new.keys())
    kept = {
        key: difference(old[key], new[key]) for key in old.keys() & new.keys() if exact(old[key]) != exact(new[key])
    }
    return {**gone, **kept, **{key: new[key] for key in new.keys() - old.keys()}}


@thorough(300)
@given(OBJECTS, OBJECTS)
def test_the_difference_of_two_objects_makes_one_of_the_other(old: Any, new: Any) -> None:
    before = exact(old)
    assert exact(patches.merge(old, difference(old, new))) == exact(new)
    assert exact(old) == before


@thorough(300)
@given(OBJECTS, st.dictionaries(KEYS, values(nulls=True), max_size=4))
def test_merging_twice_is_merging_once(target: Any, patch: Any) -> None:
    once = patches.merge(target, patch)
    assert exact(patches.merge(once, patch)) == exact(once)


# -- JSON patch -------------------------------------------------------------------------------------------------------


class Impossible(Exception):
    pass


def pointer(parts: tuple[str, ...]) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def places(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in inner for found in places(each, (*path, str(key))))]


def index(part: str, length: int) -> int:
    if not part.isdigit() or (len(part) > 1 and part[0] == "0") or int(part) >= length:
        raise Impossible
    return int(part)


def get(value: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list):
            value = value[index(part, len(value))]
        else:
            raise Impossible
    return value


def removed(value: Any, path: tuple[str, ...]) -> Any:
    if not path:
        raise Impossible
    get(value, path)
    value = copy.deepcopy(value)
    inside = get(value, path[:-1])
    del inside[path[-1] if isinstance(inside, dict) else int(path[-1])]
    return value


def added(value: Any, path: tuple[str, ...], new: Any) -> Any:
    if not path:
        return copy.deepcopy(new)
    value = copy.deepcopy(value)
    inside = get(value, path[:-1])
    if isinstance(inside, dict):
        inside[path[-1]] = copy.deepcopy(new)
    elif isinstance(inside, list):
        at = len(inside) if path[-1] == "-" else index(path[-1], len(inside) + 1)
        inside.insert(at, copy.deepcopy(new))
    else:
        raise Impossible
    return value


def operated(value: Any, op: str, path: tuple[str, ...], start: tuple[str, ...], new: Any) -> Any:
    match op:
        case "add":
            return added(value, path, new)
        case "remove":
            return removed(value, path)
        case "replace":
            get(value, path)
            return added(removed(value, path), path, new) if path else new
        case "copy":
            return added(value, path, get(value, start))
        case "move":
            if path != start and path[: len(start)] == start:
                raise Impossible
            found = get(value, start)
            return value if path == start else added(removed(value, start), path, found)
    if exact(get(value, path)) != exact(new):
        raise Impossible
    return value


@thorough(300)
@given(st.data())
def test_json_patches_do_what_their_operations_say(data: st.DataObject) -> None:
    target = data.draw(OBJECTS)
    expected: Any = target
    operations = []
    for _ in range(data.draw(st.integers(1, 5))):
        op = data.draw(st.sampled_from(["add", "remove", "replace", "copy", "move", "test"]))
        known = places(expected) if expected is not None else [()]
        fresh = st.tuples(st.sampled_from(known), st.sampled_from(["a", "0", "1", "9", "-", "z"])).map(
            lambda t: (*t[0], t[1])
        )
        path, start = data.draw(st.sampled_from(known) | fresh), data.draw(st.sampled_from(known) | fresh)
        new = data.draw(values(nulls=False))
        if op == "test" and data.draw(st.booleans()) and path in known:
            new = get(expected, path)
        operations.append({"op": op, "path": pointer(path), "from": pointer(start), "value": new})
        if expected is None:
            continue
        try:
            expected = operated(expected, op, path, start, new)
        except Impossible:
            expected = None
    before = exact(target)
    if isinstance(expected, dict):
        assert exact(patches.json_patch(target, operations)) == exact(expected)
    else:
        with pytest.raises(Refusal) as refused:
            patches.json_patch(target, operations)
        assert refused.value.code == 422
    assert exact(target) == before


# -- strategic merge --------------------------------------------------------------------------------------------------

(POD,) = (r for r in served.RESOURCES if r.kind == "Pod")
assert POD.schema is not None
CONTAINER = POD.schema.node.properties["spec"].properties["containers"].items
META = POD.schema.node.properties["metadata"]
NAMES = st.sampled_from("ABCDEF")
VARIABLES = st.lists(st.fixed_dictionaries({"name": NAMES, "value": st.sampled_from("xyz")}), max_size=6)
UNIQUE = VARIABLES.map(lambda items: list({item["name"]: item for item in items}.values()))
CHANGES = st.lists(
    st.fixed_dictionaries({"name": NAMES}, optional={"value": st.sampled_from("uvw"), "$patch": st.just("delete")}),
    max_size=6,
)
WORDS = st.lists(st.sampled_from("abcdef"), max_size=6)


def keyed(old: list[Any], changes: list[Any]) -> list[Any]:
    """Search for the first item of that name for every change."""
    items = copy.deepcopy(old)
    for change in changes:
        found = next((item for item in items if item["name"] == change["name"]), None)
        if change.get("$patch") == "delete":
            items = [item for item in items if item["name"] != change["name"]]
        elif found is None:
            items.append(dict(change))
        else:
            found.update(change)
    return items


def ordered(items: list[Any], order: list[Any], before: list[Any]) -> list[Any]:
    """Merge what the order names with what only the server has, which stays behind its neighbours of before."""
    right = sorted((item for item in items if item in order), key=order.index)
    left = [item for item in items if item not in order]
    out = []
    while left and right:
        both = left[0] in before and right[0] in before
        out.append((left if both and before.index(left[0]) < before.index(right[0]) else right).pop(0))
    return out + left + right


@thorough(300)
@given(UNIQUE, CHANGES, st.none() | st.permutations("ABCDEF"))
def test_keyed_lists_merge_item_by_item(old: Any, changes: Any, order: Any) -> None:
    patch: dict[str, Any] = {"env": changes}
    expected = keyed(old, changes)
    if order is not None:
        patch["$setElementOrder/env"] = [{"name": name} for name in order[:4]]
        names = ordered([item["name"] for item in expected], list(order[:4]), [item["name"] for item in old])
        expected = [next(item for item in expected if item["name"] == name) for name in names]
    before = exact(old)
    found = strategic.merge({"env": old}, patch, CONTAINER)["env"]
    assert found == expected
    assert exact(old) == before


@thorough(300)
@given(WORDS, WORDS, WORDS, st.none() | WORDS)
@example(["c", "c", "c", "b"], ["a"], [], ["b"])  # what is there more than once does not count for its neighbours
def test_lists_of_texts_are_united(old: Any, more: Any, gone: Any, order: Any) -> None:
    left = [word for word in old if word not in gone]
    united = left + [word for number, word in enumerate(more) if word not in left and word not in more[:number]]
    patch: dict[str, Any] = {"finalizers": more, "$deleteFromPrimitiveList/finalizers": gone}
    if order is not None:
        patch["$setElementOrder/finalizers"] = order
        united = ordered(united, order, old)
    assert strategic.merge({"finalizers": old}, patch, META)["finalizers"] == united


def test_long_lists_take_no_longer_an_item_than_short_ones() -> None:
    """A search for every item would take more than the minutes that a test has."""
    count = 40_000
    old = [{"name": f"E{number}", "value": "x"} for number in range(count)]
    changes = [{"name": f"E{number}", "value": "y"} for number in range(count // 2, 2 * count)]
    order = [{"name": f"E{number}"} for number in reversed(range(2 * count))]
    merged = strategic.merge({"env": old}, {"env": changes, "$setElementOrder/env": order}, CONTAINER)["env"]
    assert [item["name"] for item in merged] == [item["name"] for item in order]
    gone = [{"name": item["name"], "$patch": "delete"} for item in order[:-1]]
    assert strategic.merge({"env": merged}, {"env": gone}, CONTAINER)["env"] == [{"name": "E0", "value": "x"}]
    words = [f"w{number}" for number in range(count)]
    patch = {"finalizers": words, "$setElementOrder/finalizers": words[::-1]}
    assert strategic.merge({"finalizers": words[:10]}, patch, META)["finalizers"] == words[::-1]
    shorter = {"$deleteFromPrimitiveList/finalizers": words[1:]}
    assert strategic.merge({"finalizers": words}, shorter, META)["finalizers"] == words[:1]


# -- the merge of server-side apply -----------------------------------------------------------------------------------

SET = Node({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}})
MAP = Node(
    {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "properties": {"name": {"type": "string"}, "value": {"type": "string"}}},
    }
)
DISTINCT = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


@thorough(300)
@given(DISTINCT, DISTINCT)
def test_a_set_keeps_what_live_has_and_takes_the_order_that_is_applied(live: Any, applied: Any) -> None:
    merged = merging.merge(live, applied, SET)
    assert sorted(merged) == sorted({*live, *applied})
    assert [item for item in merged if item in applied] == applied
    assert [item for item in merged if item not in applied] == [item for item in live if item not in applied]


@thorough(300)
@given(UNIQUE, UNIQUE)
def test_a_keyed_list_is_merged_as_the_set_of_its_keys_is(live: Any, applied: Any) -> None:
    merged = merging.merge(live, applied, MAP)
    names = [[item["name"] for item in items] for items in (live, applied)]
    assert [item["name"] for item in merged] == merging.merge(*names, SET)
    for item in merged:
        newest = [each for each in (*live, *applied) if each["name"] == item["name"]][-1]
        assert item == newest


@thorough(300)
@given(st.lists(st.sampled_from("abc"), unique=True), st.sampled_from([None, []]))
def test_nothing_applied_takes_nothing_away(live: Any, applied: Any) -> None:
    assert merging.merge(live, applied, SET) == (live or applied)


def test_long_sets_are_merged_in_linear_time() -> None:
    words = [f"w{number}" for number in range(100_000)]
    assert merging.merge(words, words[::-1], SET) == words[::-1]
