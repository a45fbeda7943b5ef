"""What is kept is what was used last."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.bounded import Bounded

KEYS = st.integers(0, 5)
STEPS = st.lists(st.tuples(st.sampled_from(["put", "get", "peek", "pop"]), KEYS, st.integers(0, 4)))


def test_the_entry_unused_for_longest_goes_first():
    memory: Bounded[str, int] = Bounded(2)
    memory.put("a", 1)
    memory.put("b", 2)
    assert memory.get("a") == 1
    assert list(memory.put("c", 3)) == [2]
    assert list(memory) == ["a", "c"]


def test_peeking_is_no_use():
    memory: Bounded[str, int] = Bounded(2)
    memory.put("a", 1)
    memory.put("b", 2)
    assert memory.peek("a") == 1
    assert list(memory.put("c", 3)) == [1]


def test_a_key_that_is_put_again_weighs_once():
    memory: Bounded[str, str] = Bounded(10, weigh=len)
    memory.put("a", "123456789")
    memory.put("b", "1")
    assert list(memory.put("a", "12345")) == []
    assert list(memory.values()) == ["1", "12345"]


def test_what_weighs_more_than_everything_is_not_kept():
    memory: Bounded[str, str] = Bounded(3, weigh=len)
    memory.put("a", "12")
    assert list(memory.put("b", "1234")) == ["12", "1234"]
    assert not memory


def test_cleared_memory_has_all_its_room_again():
    memory: Bounded[str, str] = Bounded(3, weigh=len)
    memory.put("a", "123")
    memory.clear()
    assert list(memory.put("b", "123")) == []
    assert memory.oldest() == ("b", "123")


@given(STEPS, st.integers(0, 8), st.booleans())
def test_it_is_a_list_in_the_order_of_use_that_is_cut_at_the_front(
    steps: list[tuple[str, int, int]], capacity: int, weighed: bool
):
    def weigh(value: int) -> int:
        return value if weighed else 1

    memory: Bounded[int, int] = Bounded(capacity, weigh=weigh if weighed else None)
    model: list[tuple[int, int]] = []
    for step, key, value in steps:
        found = next((entry for entry in model if entry[0] == key), None)
        if step == "put":
            model = [entry for entry in model if entry[0] != key] + [(key, value)]
            gone = []
            while model and sum(weigh(each) for _, each in model) > capacity:
                gone.append(model.pop(0)[1])
            assert list(memory.put(key, value)) == gone
        else:
            assert getattr(memory, step)(key) == (found[1] if found else None)
            if found and step in {"get", "pop"}:
                model.remove(found)
                model += [found] if step == "get" else []
        assert list(zip(memory, memory.values(), strict=True)) == model
        assert memory.oldest() == (model[0] if model else None)
        assert len(memory) == len(model)


@pytest.mark.parametrize("value", [0, "", False], ids=repr)
def test_empty_values_are_values(value: object):
    memory: Bounded[str, object] = Bounded(1)
    memory.put("a", value)
    assert memory.get("a") is value
    assert "a" in memory
