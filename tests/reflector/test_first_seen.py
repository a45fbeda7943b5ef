import pytest

from reflector.first_seen import FirstSeen

NUMBERS = {"began": 1, "counted": 2, "expected": 3, "doubts": 4}


@pytest.mark.parametrize("names", [[], ["b", "a"], ["a", "a"]])
def test_sightings_come_back_from_bytes(names):
    first_seen = FirstSeen(names=names, first=[7] * len(names), missing=bytes(len(names)), **NUMBERS)
    again = FirstSeen.unpacked(*first_seen.packed(), **NUMBERS)
    assert (list(again.names), list(again.first), again.missing) == (names, [7] * len(names), bytes(len(names)))
    assert (again.began, again.counted, again.expected, again.doubts) == (1, 2, 3, 4)


def test_parts_that_do_not_fit_are_refused():
    names, first, _ = FirstSeen(names=["a"], first=[7], missing=b"\0", began=1).packed()
    _, _, missing = FirstSeen(names=["a", "b"], first=[7, 7], missing=b"\0\0", began=1).packed()
    with pytest.raises(ValueError, match="do not fit"):
        FirstSeen.unpacked(names, first, missing, began=1)
    with pytest.raises(ValueError, match="cannot be read"):
        FirstSeen.unpacked(names, b"no zlib", missing, began=1)


def test_a_hundred_thousand_tags_take_little_more_than_their_names():
    tags = [f"{i // 1000}.{i % 1000}.0" for i in range(100_000)]
    first = [1_700_000_000 + 60 * (i // 50) for i in range(100_000)]
    names, times, missing = FirstSeen(names=tags, first=first, missing=bytes(len(tags)), began=1).packed()
    assert len(times) + len(missing) < 0.1 * len(names)
