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
        pytest.param('# {"$ref": "#/definitions/io.k8s.cli.setters.a:b"}', "a:b", id="the long form"),
        pytest.param(
            '# {"$ref": "#/definitions/io.k8s.cli.setters.a:b:tag", "type": "string", "n": 1}', "a:b:tag", id="more"
        ),
        pytest.param(
            '# {"$imagepolicy": "", "$ref": "#/definitions/io.k8s.cli.setters.a:b"}', "a:b", id="an empty short"
        ),
        pytest.param(
            '# {"$imagepolicy": "a:c", "$ref": "#/definitions/io.k8s.cli.setters.a:b"}', "a:c", id="both forms"
        ),
        pytest.param('# {"$ref": "#/definitions/io.k8s.cli.setters.replicas"}', None, id="another tool's setter"),
        pytest.param('# {"$ref": "#/definitions/io.k8s.cli.substitutions.a:b"}', None, id="another reference"),
        pytest.param('# {"$ref": ["#/definitions/io.k8s.cli.setters.a:b"]}', None, id="a list of references"),
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


@pytest.mark.parametrize(
    ("comment", "setter"),
    [
        ("# {'$imagepolicy': 'ns:web'}", "ns:web"),
        ("# {$imagepolicy: ns:web}", "ns:web"),
        ('# {"$imagePolicy": "ns:web:tag"}', "ns:web:tag"),
        ('# {"$ImagePolicy":"ns:web"}', "ns:web"),
        ('# {"$imagepolicies": "ns:web"}', "ns:web"),
        ('# {"$imagepolcy": "ns:web:digest"}', "ns:web:digest"),
        ('# {"$image-policy": "ns:web"}', "ns:web"),
        ('# {"imagepolicy": "ns:web"}', "ns:web"),
        ('# {"$imagepolicy": "ns:web",}', "ns:web"),
        ('# {"$imagepolicy"= "ns:web"}', "ns:web"),
        ("# {\u201c$imagepolicy\u201d: \u201cns:web\u201d}", "ns:web"),
        ("# $imagepolicy: ns:web", "ns:web"),
        ('# {"$imagepolicy": "ns:web"', "ns:web"),
    ],
)
def test_what_was_meant_for_a_marker_is_known(comment: str, setter: str):
    assert marker.candidate(comment) >= 0
    assert marker.meant(comment, alone=True) == setter


@pytest.mark.parametrize(
    "comment",
    ["# the image policy: see below", "# $imagepolicy", "# $IMAGE:latest", "# imagePullPolicy: Always", "# {$a: b:c}"],
)
def test_ordinary_comments_are_not_meant_for_markers(comment: str):
    assert marker.meant(comment) is None
