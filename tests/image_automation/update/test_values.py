"""What each marker of a policy stands for, and which references are refused."""

import pytest

from gotk.api.image import ImageRef
from image_automation.update import values

DIGEST = "sha256:" + "0" * 64


def test_a_policy_resolves_four_markers():
    assert values.setters({("ns", "p"): ImageRef(name="ghcr.io/a/b", tag="1.0", digest=DIGEST)}) == {
        "ns:p": f"ghcr.io/a/b:1.0@{DIGEST}",
        "ns:p:name": "ghcr.io/a/b",
        "ns:p:tag": "1.0",
        "ns:p:digest": DIGEST,
    }


def test_without_a_digest_its_marker_is_empty():
    assert values.setters({("ns", "p"): ImageRef(name="localhost:5000/ab", tag="1")}) == {
        "ns:p": "localhost:5000/ab:1",
        "ns:p:name": "localhost:5000/ab",
        "ns:p:tag": "1",
        "ns:p:digest": "",
    }


def test_a_version_with_build_metadata_stands_for_no_image():
    assert values.setters({("ns", "p"): ImageRef(name="charts.example.com/web", tag="1.2.0-rc.1+up2.0")}) == {
        "ns:p:name": "charts.example.com/web",
        "ns:p:tag": "1.2.0-rc.1+up2.0",
        "ns:p:digest": "",
    }


@pytest.mark.parametrize(
    ("ref", "cause"),
    [
        pytest.param(ImageRef(name="ab", tag="1.0\nprivileged: true"), "the tag", id="a line break in the tag"),
        pytest.param(ImageRef(name="ab", tag="x" * 129), "the tag", id="too long a tag"),
        pytest.param(ImageRef(name="ab", tag="../x"), "the tag", id="a path as tag"),
        pytest.param(ImageRef(name="ab", tag="latest+1"), "the tag", id="metadata without a version"),
        pytest.param(ImageRef(name="ab", tag="1.0+" + "x" * 125), "the tag", id="too long a version"),
        pytest.param(ImageRef(name="a b", tag="1"), "the name", id="a blank in the name"),
        pytest.param(ImageRef(name="https://a/b", tag="1"), "the name", id="a scheme"),
        pytest.param(ImageRef(name="", tag="1"), "the name", id="no name"),
        pytest.param(ImageRef(name="ab", tag="1", digest="sha256:xyz"), "the digest", id="no digest"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_part_named(ref: ImageRef, cause: str):
    with pytest.raises(values.InvalidReference, match=cause) as error:
        values.setters({("ns", "p"): ref})
    assert str(error.value).startswith('encountered invalid image ref "')
    assert "\n" not in str(error.value)
