"""What Flux documents and its tests show of ranges, filters and orders, as one table of sentences.

`tests/gotk/go_answers.json` holds what the Go libraries answer to far more questions; this table says what a user may
rely on, in words, through the whole decision.
"""

import pytest

from gotk.api import scheme
from gotk.api.image import ImagePolicySpec
from policies.choose import NothingChosen, choose
from tests.gotk.go_answers import ANSWERS

RANGES = {
    "a full version is that version": ("1.2.3", "1.2.3 v1.2.3 01.2.3", "1.2.4 1.2.2 1.2.3-rc.1 1.2"),
    "an equals sign changes nothing": ("=1.2.3", "1.2.3 v1.2.3", "1.2.4 1.2.3-0"),
    "a v in the range changes nothing": ("v1.2.3", "1.2.3 v1.2.3", "1.3.0"),
    "a missing patch is any patch": ("1.2", "1.2.0 1.2.9", "1.3.0 1.1.9 1.2.1-rc.1"),
    "an x for the patch is any patch": ("1.2.x", "1.2.0 1.2.9", "1.3.0 2.2.0"),
    "an X and an asterisk are an x": ("1.X || 3.*", "1.9.0 3.1.0", "2.0.0 4.0.0"),
    "an equals sign before a missing patch is any patch": ("=1.2", "1.2.0 1.2.9", "1.3.0"),
    "a missing minor is any minor": ("1", "1.0.0 1.9.9", "2.0.0 0.9.9 1.5.0-rc.1"),
    "an x for the minor is any minor": ("1.x", "1.0.0 1.9.9", "2.0.0 1.10.0-alpha"),
    "an asterisk is any release": ("*", "0.0.0 0.0.1 99.0.0", "1.0.0-rc.1 latest 1 1.2"),
    "an asterisk with a prerelease is anything": ("*-0", "0.0.1 1.0.0-alpha 9.9.9-z", "latest 1.2"),
    "a tilde fixes the minor": ("~1.2.3", "1.2.3 1.2.99", "1.3.0 1.2.2"),
    "a tilde without a patch fixes the minor": ("~1.2", "1.2.0 1.2.99", "1.3.0 1.1.9"),
    "a tilde without a minor fixes the major": ("~1", "1.0.0 1.99.0", "2.0.0 0.9.0"),
    "a tilde before nought is anything": ("~0.0.0", "0.0.0 0.0.1 5.0.0", "0.0.1-rc.1"),
    "Ruby's tilde is a tilde": ("~>1.2.3", "1.2.3 1.2.9", "1.3.0"),
    "a caret fixes the major": ("^1.2.3", "1.2.3 1.99.0", "2.0.0 1.2.2"),
    "a caret before a nought fixes the minor": ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"),
    "a caret before two noughts fixes the patch": ("^0.0.3", "0.0.3", "0.0.4 0.0.2"),
    "a caret before two noughts alone fixes the minor": ("^0.0", "0.0.0 0.0.9", "0.1.0"),
    "a caret before nought alone fixes the major": ("^0", "0.0.1 0.9.9", "1.0.0"),
    "a caret without a patch fixes the major": ("^1.2", "1.2.0 1.9.0", "1.1.9 2.0.0"),
    "greater than a major begins with the next": (">11", "12.0.0 12.1.0", "11.0.0 11.9.9"),
    "greater than a minor begins with the next": (">11.1", "11.2.0 12.0.0", "11.1.0 11.1.9"),
    "greater than a version begins right after it": (">1.2.3", "1.2.4 2.0.0", "1.2.3 1.2.2"),
    "at least a major begins with it": (">=11", "11.0.0 12.0.0", "10.9.9"),
    "at least a minor begins with it": (">=11.1", "11.1.0 12.0.0", "11.0.9"),
    "less than a major ends before it": ("<11", "10.9.9 0.0.1", "11.0.0 11.1.0"),
    "less than a minor ends before it": ("<1.1", "1.0.9 0.9.0", "1.1.0"),
    "at most a major holds all of it": ("<=11", "11.9.9 10.0.0", "12.0.0"),
    "at most a minor holds all of it": ("<=1.1", "1.1.9 1.0.0", "1.2.0"),
    "at most a version ends with it": ("<=1.2.3", "1.2.3 1.2.2", "1.2.4"),
    "the signs may be turned round": ("=>1.2.0 =<1.3.0", "1.2.0 1.3.0", "1.3.1 1.1.9"),
    "not a major leaves it out": ("!=4", "3.9.9 5.0.0", "4.0.0 4.9.9"),
    "not a major with an x leaves it out": ("!=4.x", "3.9.9 5.0.0", "4.0.0 4.1.0"),
    "not a minor leaves it out": ("!=4.1", "4.0.0 4.2.0", "4.1.0 4.1.9"),
    "not a version leaves out that one": ("!=4.1.0", "4.1.1 4.0.0", "4.1.0 v4.1.0"),
    "blanks are and": (">=1.0.0 <2.0.0", "1.0.0 1.9.9", "2.0.0 0.9.9 1.5.0-rc.1 2.0.0-alpha"),
    "a comma is and": (">=1.0.0, <2.0.0", "1.0.0 1.9.9", "2.0.0 0.9.9"),
    "a comma needs no blank": (">0,<2.0", "1.0.0 1.9.9", "2.0.0"),
    "an operator may stand apart": (">= 1.2.3", "1.2.3 2.0.0", "1.2.2"),
    "bars are or": ("^1 || ^3", "1.5.0 3.0.1", "2.0.0 4.0.0"),
    "bars need no blanks": ("1.2.3||2.1.0", "1.2.3 2.1.0", "1.2.4"),
    "a hyphen with blanks is from and to": ("1.2 - 3.1", "1.2.0 2.0.0 3.1.9", "1.1.9 3.2.0"),
    "a hyphen between full versions holds both": ("1.0.0 - 2.0.0", "1.0.0 1.5.0 2.0.0", "2.0.1 0.9.9"),
    "a hyphen without blanks begins a prerelease": ("1.0.0-2.0.0", "1.0.0-2.0.0", "1.0.0 1.5.0 2.0.0"),
    "nothing can be in a contradiction": (">2 <1", "", "0.5.0 1.5.0 3.0.0"),
    "a release range wants no prereleases": ("^1.0", "1.0.0 1.1.0", "1.2.0-rc.1 1.0.0-alpha"),
    "a prerelease in the range opens it": (">=1.0.0-0 <2.0.0", "1.5.0-rc.1 1.0.0 2.0.0-alpha", "2.0.0 0.9.0-rc.1"),
    "a prerelease in one of two opens both": (">=1.0.0 <2.0.0-0", "1.5.0-rc.1 1.9.9", "2.0.0-alpha 2.0.0"),
    "a prerelease opens its own group only": ("^1 || ^2-0", "1.5.0 2.1.0-rc.1", "1.5.0-rc.1 3.0.0-rc.1"),
    "a caret with a prerelease takes later prereleases": ("^1.2.0-0", "1.9.0-beta 1.2.0-alpha 1.3.0", "2.0.0 1.1.9"),
    "an x with a prerelease takes them": ("1.x-0", "1.1.0-alpha 1.0.0", "2.0.0"),
    "numbers in prereleases are numbers": (">1.0.0-rc.9 <1.0.0", "1.0.0-rc.10 1.0.0-rc.9.1", "1.0.0-rc.8 1.0.0"),
    "numbers are below words in prereleases": (">1.0.0-999 <1.0.0", "1.0.0-a 1.0.0-0a", "1.0.0-998 1.0.0-1"),
    "a longer prerelease is the greater": (">1.0.0-rc <1.0.0", "1.0.0-rc.1 1.0.0-rc.0", "1.0.0-rc 1.0.0-beta"),
    "a release is above its prereleases": (">1.0.0-zzz", "1.0.0 1.0.1", "1.0.0-rc.1"),
    "leading noughts are read over in numbers": (">=2025.02.03", "2025.02.03 2025.10.01", "2025.01.30 2025.2.3-rc.1"),
    "leading noughts spoil a prerelease": ("*-0", "1.2.3-0a 1.2.3-1", "1.2.3-01 1.2.3-rc.01"),
    "two dots make a version of less": ("*-0", "1.2-rc.1 1-a.b.c", "1.2 1"),
    "four numbers are no version": ("*-0", "1.2.3", "1.2.3.4 1.2.3.0"),
    "a capital V is no version": ("*", "v1.2.3", "V1.2.3 b1.2.3 release-1.2.3"),
    "letters behind a number are no version": ("*", "1.0.0", "1.0.0p 1.0.0_1 1.0.x"),
    "numbers end with sixty-four bits": ("*", "18446744073709551615.0.0", "18446744073709551616.0.0"),
    "a hash or a date is no version": ("*", "20240131.1.0", "20240131 4f2c9d1 latest"),
}  # fmt: skip


def spec(**fields: object) -> ImagePolicySpec:
    return scheme.convert({"imageRepositoryRef": {"name": "app"}, **fields}, ImagePolicySpec)


def is_chosen(policy: ImagePolicySpec, tag: str) -> bool:
    try:
        return choose(policy, [tag]).tag == tag
    except NothingChosen:
        return False


@pytest.mark.parametrize(("range_", "inside", "outside"), RANGES.values(), ids=RANGES)
def test_a_range_holds(range_: str, inside: str, outside: str):
    policy = spec(policy={"semver": {"range": range_}})
    for tag in inside.split():
        assert is_chosen(policy, tag), f"{tag} should be in {range_}"
    for tag in outside.split():
        assert not is_chosen(policy, tag), f"{tag} should not be in {range_}"


ASC, DESC = "asc", "desc"
BUILDS = "main-aaaaaaa-1700000001 main-bbbbbbb-1700000003 main-0000000-1700000002 dev-ccccccc-1800000000"
ORDERS = {
    "capitals come before small letters": ("alphabetical", ASC, "", "", "B a", "a"),
    "digits come before letters": ("alphabetical", DESC, "", "", "a 1 B", "1"),
    "an underscore stands between the cases": ("alphabetical", ASC, "", "", "A _ ", "_"),
    "a beginning comes before what goes on": ("alphabetical", ASC, "", "", "1.2 1.2.0", "1.2.0"),
    "a dash comes before a dot": ("alphabetical", DESC, "", "", "1.0 1-0", "1-0"),
    "dates in years, months and days sort themselves": (
        "alphabetical", ASC, "", "", "2025-12-31 2026-01-01", "2026-01-01",
    ),
    "dates in days and months do not": ("alphabetical", ASC, "", "", "31-12-2025 01-01-2026", "31-12-2025"),
    "one tag is the first and the last": ("alphabetical", DESC, "", "", "only", "only"),
    "ten is more than nine": ("numerical", ASC, "", "", "9 10", "10"),
    "a minus counts": ("numerical", DESC, "", "", "1 -1 -2", "-2"),
    "fractions are compared": ("numerical", ASC, "", "", "1.5 1.25 1.49", "1.5"),
    "an exponent is read": ("numerical", ASC, "", "", "999 1e3", "1e3"),
    "underscores between digits are nothing": ("numerical", ASC, "", "", "999 1_000", "1_000"),
    "leading noughts are nothing": ("numerical", ASC, "", "", "7 008", "008"),
    "a number may end or begin with its point": ("numerical", ASC, "", "", "1. .5", "1."),
    "hexadecimals need an exponent": ("numerical", ASC, "", "", "0x1p4 15", "0x1p4"),
    "infinity is more than any": ("numerical", ASC, "", "", "1e308 inf", "inf"),
    "of equal numbers the smallest text wins": ("numerical", ASC, "", "", "1.0 1 01", "01"),
    "timestamps of nanoseconds still differ": (
        "numerical", ASC, "", "", "1700000000000001 1700000000000002", "1700000000000002",
    ),
    "a pattern is found anywhere": ("alphabetical", ASC, "b", "", "abc xyz", "abc"),
    "a pattern may be anchored": ("alphabetical", ASC, "^b", "", "abc bcd", "bcd"),
    "a pattern may end with the tag": ("alphabetical", ASC, "-rc$", "", "1-rc 2-rc-x", "1-rc"),
    "a pattern minds the case": ("alphabetical", ASC, "^V", "", "v2 V1", "V1"),
    "a pattern may be told not to": ("alphabetical", ASC, "(?i)^V", "", "v2 V1", "v2"),
    "what is found of nothing is one key for all": ("alphabetical", ASC, "", "$0", "b a", "a"),
    "a pattern may hold alternatives": ("alphabetical", ASC, "^(stable|lts)-", "", "stable-1 edge-9 lts-1", "stable-1"),
    "a pattern without a template compares the tag": ("alphabetical", ASC, "-([0-9]+)$", "", "b-1 a-2", "b-1"),
    "a group by number is compared": ("numerical", ASC, "-([0-9]+)$", "$1", "b-1 a-2", "a-2"),
    "a group by name is compared": (
        "numerical", ASC, "^main-[0-9a-f]+-(?P<ts>[0-9]+)$", "$ts", BUILDS, "main-bbbbbbb-1700000003",
    ),
    "a group named as in other languages is, too": (
        "numerical", DESC, "^main-[0-9a-f]+-(?<ts>[0-9]+)$", "${ts}", BUILDS, "main-aaaaaaa-1700000001",
    ),
    "the whole match is number nought": ("numerical", ASC, "[0-9]+$", "$0", "b-1 a-2", "a-2"),
    "a template may put groups together": ("numerical", ASC, "^([0-9]+)-([0-9]+)$", "$1.$2", "1-9 2-1 1-10", "2-1"),
    "a template may turn groups round": ("alphabetical", ASC, "^([0-9]+)-([0-9]+)$", "$2-$1", "1-9 9-1", "1-9"),
    "braces end a group's name": ("alphabetical", ASC, "^(.)(.)$", "${2}x", "az za", "az"),
    "without braces the longest name counts": ("alphabetical", DESC, "^(.)", "$1x", "b a", "a"),
    "a group that took no part is nothing": ("alphabetical", ASC, "^(a)?(b)?", "z$2", "ab a", "ab"),
    "two dollars are one": ("alphabetical", ASC, "^(.)$", "$$$1", "a b", "b"),
    "a dollar alone stays": ("alphabetical", ASC, "^(.)$", "$1$", "a b", "b"),
    "text of the template is compared with": ("numerical", ASC, "^b([0-9])$", "1$1", "b9 b8", "b9"),
    "of tags with one key the smallest is taken": ("numerical", ASC, "-([0-9]+)$", "$1", "b-1 a-1", "a-1"),
    "what a filter refuses cannot fail a number": ("numerical", ASC, "^[0-9]+$", "", "1 2 latest", "2"),
    "what an extract leaves may be a version": (
        "semver", ">=1", "^app-(.*)$", "$1", "app-1.0.0 app-1.2.0 web-9.0.0", "app-1.2.0",
    ),
    "an extracted version may have a prefix": (
        "semver", "1.x", "^(v.*)-alpine$", "$1", "v1.2.0-alpine v1.9.0", "v1.2.0-alpine",
    ),
    "a literal may complete a version": ("semver", "*", "^r([0-9]+)$", "$1.0.0", "r9 r10", "r10"),
    "a date may be made a version": (
        "semver", "*", "^([0-9]{4})([0-9]{2})([0-9]{2})$", "$1.$2.$3", "20251231 20260101", "20260101",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "how", "pattern", "extract", "tags", "tag"), ORDERS.values(), ids=ORDERS)
def test_an_order_takes(kind: str, how: str, pattern: str, extract: str, tags: str, tag: str):
    fields: dict[str, object] = {"policy": {kind: {"range" if kind == "semver" else "order": how}}}
    if pattern or extract:
        fields["filterTags"] = {"pattern": pattern, "extract": extract}
    assert choose(spec(**fields), tags.split()).tag == tag


def test_the_tables_are_as_long_as_they_are_said_to_be():
    ranges = {case["range"] for case in ANSWERS["ranges"]} | {range_ for range_, _, _ in RANGES.values()}
    others = [*ORDERS, *map(str, ANSWERS["floats"]), *map(str, ANSWERS["expands"])]
    assert len(ranges) >= 250
    assert len(RANGES) >= 60
    assert len(set(others)) >= 80
    assert len(ORDERS) >= 40
