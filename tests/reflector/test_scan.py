from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.api.image import ImageRepositorySpec, ImageRepositoryStatus, ScanResult
from gotk.duration import Duration
from gotk.runtime.clock import rfc3339
from reflector import scan

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SPEC = ImageRepositorySpec(image="alpine", interval=Duration.parse("5m"))
CANONICAL = "index.docker.io/library/alpine"
SCANNED = ImageRepositoryStatus(
    canonical_image_name=CANONICAL,
    observed_exclusion_list=(r"^.*\.sig$",),
    last_scan_result=ScanResult(tag_count=1, revision="1", scan_time=rfc3339(NOW - timedelta(minutes=1))),
)


def due(status: ImageRepositoryStatus = SCANNED, spec: ImageRepositorySpec = SPEC, **given_: object) -> scan.Due:
    facts = {"canonical": CANONICAL, "requested": False, "stored": 1, "now": NOW} | given_
    return scan.due(spec, status, **facts)  # type: ignore[arg-type] # facts by name


def test_nothing_is_due_before_the_interval_is_over():
    assert due() == scan.Due("", 240.0)


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [(298.0, ""), (299.0, ""), (299.001, "triggered by interval"), (1000.0, "triggered by interval")],
)
def test_the_interval_is_over_when_less_than_a_second_is_left(elapsed: float, expected: str):
    assert due(now=NOW - timedelta(minutes=1) + timedelta(seconds=elapsed)).reason == expected


def test_the_first_rule_that_holds_gives_the_reason():
    everything = {"requested": True, "canonical": "other", "stored": 0, "now": NOW + timedelta(hours=1)}
    excluding = msgspec.structs.replace(SPEC, exclusion_list=("x",))
    assert due(ImageRepositoryStatus(), excluding, **everything).reason == "first scan"
    for fact, reason in [
        ("requested", "reconcile requested"),
        ("canonical", "new image name"),
        ("", "updated exclusion list"),
        ("stored", "no tags in database"),
        ("now", "triggered by interval"),
    ]:
        assert due(spec=excluding, **everything).reason == reason
        everything.pop(fact, None)
        if not fact:
            excluding = SPEC
    assert due(spec=excluding, **everything).reason == ""


@pytest.mark.parametrize(
    ("wanted", "observed", "same"),
    [
        ((), (r"^.*\.sig$",), True),
        (("a", "b"), ("b", "a"), True),
        (("a",), ("a", "a"), False),
        (("a",), ("b",), False),
    ],
    ids=["empty is the default", "order does not count", "length counts", "content counts"],
)
def test_exclusion_lists_are_compared_as_sets_with_a_length(
    wanted: tuple[str, ...], observed: tuple[str, ...], same: bool
):
    status = msgspec.structs.replace(SCANNED, observed_exclusion_list=observed)
    spec = msgspec.structs.replace(SPEC, exclusion_list=wanted)
    assert due(status, spec).reason == ("" if same else "updated exclusion list")


@pytest.mark.parametrize(
    ("tags", "checksum"), [(["latest", "v0.0.1", "v0.0.2"], "1943865137"), ([], "18153657")], ids=["three", "none"]
)
def test_the_revision_is_the_upstream_checksum(tags: list[str], checksum: str):
    assert scan.revision(tags) == checksum


def test_the_latest_tags_are_the_ten_greatest_by_bytes():
    tags = [*map(str, range(1, 13)), "latest", "V1"]
    result = scan.result(scan.in_order(tags), NOW)
    assert result.latest_tags == ("latest", "V1", "9", "8", "7", "6", "5", "4", "3", "2")
    assert (result.tag_count, result.scan_time) == (14, "2026-01-01T12:00:00Z")


@given(st.lists(st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True)), st.randoms())
def test_the_registrys_order_does_not_matter(tags: list[str], chance: object):
    shuffled = tags.copy()
    chance.shuffle(shuffled)  # type: ignore[attr-defined] # a random.Random
    assert scan.result(scan.in_order(tags), NOW) == scan.result(scan.in_order(shuffled), NOW)
    assert [t.encode() for t in scan.in_order(tags)] == sorted((t.encode() for t in tags), reverse=True)


@pytest.mark.parametrize(
    ("interval", "passed", "expected"),
    [("10s", 5, scan.Due("", 5)), ("10s", 9.5, scan.Due("triggered by interval")), ("5m", 5, scan.Due("", 25)),
     ("5m", 29.5, scan.Due(scan.DOUBTED)), ("5m", 299.5, scan.Due("triggered by interval"))],
)  # fmt: skip
def test_a_doubtful_list_is_asked_for_again_soon_and_never_later_than_the_interval(interval, passed, expected):
    spec = msgspec.structs.replace(SPEC, interval=Duration.parse(interval))
    now = NOW - timedelta(minutes=1) + timedelta(seconds=passed)
    assert due(spec=spec, now=now, doubted=True) == expected


def test_a_loss_that_was_accepted_makes_a_scan_due():
    assert due(accepted=True, doubted=True) == scan.Due(scan.ACCEPTED)


@pytest.mark.parametrize(
    ("scanned", "expected"),
    [
        pytest.param("", scan.Due(scan.OUTDATED), id="this process has not scanned it"),
        pytest.param(rfc3339(NOW - timedelta(seconds=60)), scan.Due(scan.OUTDATED), id="a minute ago"),
        pytest.param(rfc3339(NOW - timedelta(seconds=10)), scan.Due("", 20.0), id="a moment ago"),
    ],
)
def test_a_list_that_the_status_does_not_speak_of_is_read_again_but_not_in_a_hurry(scanned: str, expected: scan.Due):
    assert due(outdated=True, scanned=scanned) == expected


def test_a_list_that_the_status_does_not_speak_of_is_read_again_at_the_interval_where_that_is_sooner():
    status = msgspec.structs.replace(
        SCANNED,
        last_scan_result=ScanResult(tag_count=1, revision="1", scan_time=rfc3339(NOW - timedelta(seconds=290))),
    )
    assert due(status, outdated=True, scanned=rfc3339(NOW)) == scan.Due("", 10.0)
