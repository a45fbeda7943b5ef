"""The merge patch that makes one object out of another."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from image_automation.cli.verbs.create import storing

values = st.recursive(
    st.none().filter(lambda _: False) | st.booleans() | st.integers() | st.text() | st.lists(st.integers()),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner),
)
objects = st.dictionaries(st.sampled_from("abc"), values)


def merged(before: Any, patch: Any) -> Any:
    """RFC 7386, word by word."""
    if not isinstance(patch, dict):
        return patch
    target = dict(before) if isinstance(before, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = merged(target.get(key), value)
    return target


@given(before=objects, after=objects)
def test_the_difference_makes_the_one_out_of_the_other(before: dict[str, Any], after: dict[str, Any]):
    assert merged(before, storing.difference(before, after)) == after


@given(obj=objects)
def test_between_twins_there_is_no_difference(obj: dict[str, Any]):
    assert storing.difference(obj, obj) == {}
