"""Rows 13-16: tags that mean something to YAML, shells, versions and regular expressions."""

import random
import re

import yaml

from image_automation.update import rewrite, values
from policies.choose import explain
from tests.hostile.registry import honest
from tests.hostile.scene import memory_within, scene

ALPHABETICAL = {"policy": {"alphabetical": {}}}
#: Legal tags that YAML would rather have as something else.
AMBIGUOUS = ("1e3", "0o17", "no", "1_000", "010", "1.10", "null", "0x1F", "true", "2024-01-01", "on", "_", "1.")


async def test_row_13_tag_text_that_would_break_yaml_or_a_shell():
    breaking = [
        "1.0\nprivileged: true", "1.0 # x", "$(reboot)", "`id`", "a;b", "a|b", "a&&b", "--help", "-rf", "a'b", 'a"b',
        "{{x}}", "a: b", "&a", "*a", "!a", "%a", "@a", "../a", "a\\b", "a\tb", "~", "<<", "a=b", "a:b", "a@sha256", "",
    ]  # fmt: skip
    before = b'tag: old # {"$imagepolicy": "team:app:tag"}\nimage: a:old # {"$imagepolicy": "team:app"}\n'
    async with scene(tags=AMBIGUOUS, policy=ALPHABETICAL) as it:
        it.registry.trick = honest(*breaking, *AMBIGUOUS)
        assert (await it.scan()).ready[:2] == ("True", "Succeeded")
        assert sorted(it.tags) == sorted(AMBIGUOUS)
        for tag in AMBIGUOUS:
            it.change_policy(filterTags={"pattern": f"^{re.escape(tag)}$"})
            await it.choose()
            assert it.chosen.tag == tag
            after = rewrite.rewrite("a.yaml", before, values.setters({("team", "app"): it.chosen})).content
            assert after is not None
            assert yaml.safe_load(after) == {"tag": tag, "image": f"{it.address}/app:{tag}"}


async def test_row_14_version_traps():
    huge = "9" * 100
    traps = [
        f"{huge}.0.0", f"1.{huge}.0", f"1.9.9-{huge}", "1.9.9-01", "01.9.9-rc.01", "1.9.9+b", "1.9.9+a", "9" * 128,
        "20991231235959", "4711", "0a1b2c3", "1.9", "1", "V1.9.9", "v1.9.9.9", "1.9.9p", "1.9.9-", "v", "..", "1..9",
    ]  # fmt: skip
    twins = ["1.2.0", "v1.2.0", "01.2.0", "1.02.0", "v1.02.00"]
    chance = random.Random(14)
    async with scene(tags=("1.1.0",), policy={"policy": {"semver": {"range": "*"}}}) as it:
        said = set()
        for _ in range(12):
            answer = [*traps, *twins, "1.1.0"]
            chance.shuffle(answer)
            it.registry.trick = honest(*answer)
            said.add((await it.scan()).ready)
            await it.choose()
            # Of equal versions one has its place for good, so that nothing flaps between them.
            assert it.chosen.tag == "v1.2.0"
        assert len(said) == 1
        await it.good_times("1.9.9", *traps, *twins)
        assert it.chosen.tag == "1.9.9"


async def test_row_15_regular_expressions_that_explode():
    tags = [f"{'a' * 100}{n:06}" for n in range(1_000)]
    for pattern in ("^(a+)+$", "(a|aa)+$", "(.*)*x", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a?){100}a{100}$", "(x+x+)+y"):
        async with scene(
            tags=("0",),
            exclusion_list=(pattern,),
            policy={"policy": {"alphabetical": {}}, "filterTags": {"pattern": f"0$|{pattern}", "extract": "$0"}},
        ) as it:
            it.registry.trick = honest("0", *tags)
            with memory_within(64 << 20):
                await it.scan()
                await it.choose()
            assert it.policy.status.latest_ref is not None

    async with scene(tags=("1.0.0",)) as it:
        chosen = it.chosen
        for pattern, extract, message in (
            ("a" * 5000, "", "the pattern is longer than 4096 characters"),
            ("(a{1000}){1000}", "", "error parsing regexp: "),
            ("(a)", "$1" * 33, "the template has more than 32 references to groups"),
            ("(a)", "x" * 2000, "the template is longer than 1024 characters"),
            (r"(a)\1", "", "error parsing regexp: "),
        ):
            it.change_policy(filterTags={"pattern": pattern, "extract": extract})
            stalled = await it.choose()
            assert stalled.ready[:2] == ("False", "InvalidPolicy"), pattern[:20]
            assert message in stalled.ready[2]
            assert it.chosen == chosen


async def test_row_16_two_tags_that_extract_to_the_same_key():
    numerical = {
        "policy": {"numerical": {"order": "asc"}},
        "filterTags": {"pattern": "^[a-z]+-([0-9]+)$", "extract": "$1"},
    }
    tags = [f"{branch}-{build}" for branch in ("main", "evil", "zeta") for build in (1, 2, 3)]
    chance = random.Random(16)
    async with scene(tags=("main-1",), policy=numerical) as it:
        for _ in range(12):
            chance.shuffle(tags)
            await it.good_times(*tags)
            assert it.chosen.tag == "evil-3"
        told = {verdict.tag: verdict for verdict in explain(it.policy.spec, it.tags)}
    assert told["main-3"].reason == told["zeta-3"].reason == "SameExtract"
    assert told["zeta-3"].message == "extracts to '3' as 'evil-3' does, which stands for both"
