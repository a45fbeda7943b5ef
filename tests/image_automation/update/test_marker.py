"""The grammar of marker comments."""

import pytest

from image_automation.update import marker


@pytest.mark.parametrize(
    ("comment", "setter"),
    [
        pytest.param('# {"$imagepolicy": "flux-system:nginx"}', "flux-system:nginx", id="a whole image"),
        pytest.param('#{"$imagepolicy":"a:b:tag"}', "a:b:tag", id="no blanks"),
        pytest.param('## {"$imagepolicy": "a:b:name"} ', "a:b:name", id="two hashes and trailing blanks"),
        pytest.param('# {"note": "x", "$imagepolicy": "a:b"}', "a:b", id="other strings beside it"),
        pytest.param('# {"$imagepolicy": "nonsense"}', "nonsense", id="a setter nobody knows is still a marker"),
        pytest.param('# {"$imagepolicy": "a:b"} please', None, id="text after it"),
        pytest.param('# see {"$imagepolicy": "a:b"}', None, id="text before it"),
        pytest.param('# {"$imagepolicy": "a:b", "n": 1}', None, id="a number beside it"),
        pytest.param('# {"$imagepolicy": ""}', None, id="empty"),
        pytest.param('# {"imagepolicy": "a:b"}', None, id="no dollar"),
        pytest.param('# ["$imagepolicy"]', None, id="a list"),
        pytest.param('# {"$imagepolicy": ["a:b"]}', None, id="a list inside"),
        pytest.param("# " + "[" * 4000, None, id="deep nesting"),
        pytest.param('# {"$imagepolicy": "' + "a" * 5000 + '"}', None, id="absurdly long"),
    ],
)
def test_a_comment_is_a_marker_when_it_is_one_json_object_of_strings(comment: str, setter: str | None):
    assert marker.parse(comment) == setter


@pytest.mark.parametrize("setter", ["a:b", "a:b:tag", "a:b:name", "a:b:digest"])
def test_the_four_forms_are_well_formed(setter: str):
    assert marker.well_formed(setter)


@pytest.mark.parametrize("setter", ["a", "a:", ":b", "a:b:", "a:b:tags", "a:b:tag:x", "a b:c"])
def test_other_forms_are_not(setter: str):
    assert not marker.well_formed(setter)
