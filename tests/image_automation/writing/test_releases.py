"""What `unhold` names is what it lets through: files, folders and patterns, few or many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_automation.writing import releases
from image_automation.writing.releases import Releases, Taken

ONE, TWO = "0123456789abcdef" * 2 + "01234567", "fedcba9876543210" * 2 + "76543210"
HELD = [
    Taken("apps/a b.yaml", ONE),
    Taken("apps/app1.yaml", ONE),
    Taken("apps/app11.yaml", ONE),
    Taken("apps/deep/er/app1.yaml", TWO),
    Taken("apps/[1]*.yaml", TWO),
    Taken("infra/x.yaml", TWO),
]


def released(*names: str) -> set[str]:
    """The paths of HELD that an annotation with these names lets through."""
    found = Releases(releases.forgiving("", releases.named(HELD, names).entries))
    return {taken.path for taken in HELD if taken in found}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(["apps/app1.yaml"], {"apps/app1.yaml"}, id="a file, and none that begins like it"),
        pytest.param(["./apps//app11.yaml"], {"apps/app11.yaml"}, id="a file as a shell completes it"),
        pytest.param(["apps/a b.yaml"], {"apps/a b.yaml"}, id="a blank"),
        pytest.param(["apps/[1]*.yaml"], {"apps/[1]*.yaml"}, id="a file whose name looks like a pattern"),
        pytest.param(["apps/app1.yaml", "infra/x.yaml"], {"apps/app1.yaml", "infra/x.yaml"}, id="two files"),
        pytest.param(["apps/app*.yaml"], {"apps/app1.yaml", "apps/app11.yaml"}, id="a pattern stops at a slash"),
        pytest.param(["**/app1.yaml"], {"apps/app1.yaml", "apps/deep/er/app1.yaml"}, id="two stars do not"),
        pytest.param(["apps/app1[0-9].yaml"], {"apps/app11.yaml"}, id="a set"),
        pytest.param(["apps/app[!2]?.yaml"], {"apps/app11.yaml"}, id="all but a set"),
        pytest.param(["apps/deep"], {"apps/deep/er/app1.yaml"}, id="a folder"),
        pytest.param(["apps/deep/"], {"apps/deep/er/app1.yaml"}, id="a folder with its slash"),
        pytest.param(["."], {taken.path for taken in HELD}, id="everything below the root"),
    ],
)
def test_what_is_named_is_released_and_nothing_else(names: list[str], expected: set[str]):
    assert released(*names) == expected


def test_a_name_in_which_nothing_is_held_is_told():
    found = releases.named(HELD, ["apps/app1.yaml", "app", "apps/app", "nowhere/*"])
    assert found.nothing == ("app", "apps/app", "nowhere/*")


def test_a_file_of_another_commit_stays_held():
    found = Releases(releases.forgiving("", releases.named(HELD[:1], ["apps/a b.yaml"]).entries))
    assert Taken("apps/a b.yaml", ONE) in found
    assert Taken("apps/a b.yaml", TWO) not in found


def test_what_has_no_room_in_the_list_is_released_by_name_too():
    found = Releases(" ".join(releases.named(HELD[:1], ["far/app4999.yaml", "a/*"], {ONE, TWO}).entries))
    assert Taken("far/app4999.yaml", TWO) in found
    assert Taken("far/app499.yaml", TWO) not in found
    assert Taken("a/1.yaml", ONE) in found


def test_everything_is_every_commit():
    named = releases.everything(HELD[:2], [ONE, TWO])
    assert named.entries == (ONE[:12], TWO[:12])
    assert all(taken in Releases(" ".join(named.entries)) for taken in HELD)


@pytest.mark.parametrize("entry", ["0", "012345", "012345:apps/app1.yaml", ":apps/app1.yaml", ""])
def test_too_short_a_commit_forgives_nothing(entry: str):
    assert Taken("apps/app1.yaml", ONE) not in Releases(entry)


def test_seven_letters_of_a_commit_are_enough():
    assert Taken("apps/app1.yaml", ONE) in Releases("0123456")


def test_many_places_are_all_released():
    held = [Taken(f"apps/app{number}.yaml", ONE) for number in range(300)]
    annotation = releases.forgiving("", releases.named(held, [taken.path for taken in held]).entries)
    assert all(taken in Releases(annotation) for taken in held)


def test_more_than_fits_is_refused_and_older_entries_make_room():
    with pytest.raises(releases.TooManyError):
        releases.forgiving("", [f"{ONE[:12]}:{'x' * 1000}{number}" for number in range(100)])
    old = " ".join(f"{number:012x}" for number in range(10_000))
    annotation = releases.forgiving(old, [ONE[:12]])
    assert len(annotation) <= releases.LIMIT
    assert annotation.split()[-1] == ONE[:12]
    assert annotation.split()[-2] == f"{9999:012x}"


def test_naming_something_again_changes_nothing():
    once = releases.forgiving("", releases.named(HELD, ["apps/app1.yaml"]).entries)
    assert releases.forgiving(once, releases.named(HELD, ["apps/app1.yaml"]).entries) == once


PATHS = st.lists(st.text(min_size=1, max_size=8).filter(lambda name: name not in {".", ".."}), min_size=1, max_size=3)


@given(PATHS.map("/".join).filter(lambda path: all(path.split("/"))))
def test_any_file_is_released_by_its_own_name(path: str):
    held = [Taken(path, ONE), Taken(f"{path}x", ONE)]
    found = Releases(" ".join(releases.named(held, [path]).entries))
    assert [taken in found for taken in held] == [True, False]
