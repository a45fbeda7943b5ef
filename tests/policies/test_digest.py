"""`digestReflectionPolicy`: two passes, with the tag pushed anew in between."""

import msgspec
import pytest

from gotk.api.image import ImagePolicyStatus, ImageRef
from policies import digest

OLD, NEW = "sha256:" + "0" * 64, "sha256:" + "1" * 64
TAG, NEXT = "v1.1.1", "v2.0.0"


def ref(tag: str = TAG, sha: str = "") -> ImageRef:
    return ImageRef(name="app", tag=tag, digest=sha)


def one_pass(reflection: digest.Reflection, status: ImagePolicyStatus, tag: str, registry: str) -> ImagePolicyStatus:
    latest = ref(tag)
    wanted = digest.is_wanted(reflection, latest, status.latest_ref)
    found = registry if wanted else digest.kept(reflection, status.latest_ref)
    return digest.reflect(status, msgspec.structs.replace(latest, digest=found))


@pytest.mark.parametrize(
    ("first", "second", "tag", "latest", "previous"),
    [
        pytest.param("Never", "Never", TAG, ref(), None, id="never stays without"),
        pytest.param("Always", "Always", TAG, ref(sha=NEW), ref(sha=OLD), id="always follows"),
        pytest.param("IfNotPresent", "IfNotPresent", NEXT, ref(NEXT, NEW), ref(sha=OLD), id="a new tag is asked for"),
        pytest.param("IfNotPresent", "IfNotPresent", TAG, ref(sha=OLD), None, id="a known digest is kept"),
        pytest.param("Never", "IfNotPresent", TAG, ref(sha=NEW), ref(), id="a missing digest is asked for"),
        pytest.param("Always", "Never", TAG, ref(), ref(sha=OLD), id="always to never drops it"),
        pytest.param("IfNotPresent", "Never", TAG, ref(), ref(sha=OLD), id="if-not-present to never drops it"),
        pytest.param("IfNotPresent", "Always", TAG, ref(sha=NEW), ref(sha=OLD), id="if-not-present to always asks"),
        pytest.param("Always", "IfNotPresent", TAG, ref(sha=OLD), None, id="always to if-not-present keeps it"),
    ],
)
def test_the_second_pass_reflects_what_its_policy_says(first, second, tag, latest, previous):
    status = one_pass(first, ImagePolicyStatus(), TAG, OLD)
    status = one_pass(second, status, tag, NEW)
    assert (status.latest_ref, status.observed_previous_ref) == (latest, previous)


def test_another_image_with_the_same_tag_is_asked_for():
    stored = ImageRef(name="other", tag=TAG, digest=OLD)
    assert digest.is_wanted("IfNotPresent", ref(), stored)


def test_the_previous_reference_outlives_a_run_without_change():
    status = ImagePolicyStatus(latest_ref=ref(), observed_previous_ref=ref("v1.0.0"))
    assert digest.reflect(status, ref()) is status
