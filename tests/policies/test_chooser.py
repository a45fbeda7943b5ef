"""Choosing with memory, over the real store: the same as choosing anew, and with less work."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gotk.api import scheme
from gotk.api.image import ImagePolicySpec
from gotk.runtime.blocking import Limiter
from gotk.runtime.reconciler import Key
from policies import choose
from policies.age import Ageing, Decision, Minimum, NoneOldEnough
from policies.chooser import Chooser, NoTags, Question
from policies.pin import Pin
from reflector import loss_guard, scan
from reflector.loss_guard import Circumstances
from reflector.store import TagStore
from tests.reflector import storing
from tests.running import NOON

KEY, NAME = Key("apps", "app"), "reg/app"


def spec(policy: dict, pattern: str = "", extract: str = "") -> ImagePolicySpec:
    fields: dict = {"imageRepositoryRef": {"name": "app"}, "policy": policy}
    if pattern:
        fields["filterTags"] = {"pattern": pattern, "extract": extract}
    return scheme.convert(fields, ImagePolicySpec)


class Reading:
    """The store, counting how often its tags are read."""

    def __init__(self, store: TagStore) -> None:
        self._store = store
        self.reads = 0

    def __getattr__(self, name: str):
        return getattr(self._store, name)

    def tags(self, name: str) -> Sequence[str]:
        self.reads += 1
        return self._store.tags(name)


def write(store: TagStore, tags: Sequence[str], now: datetime = NOON) -> None:
    listed = scan.in_order(tags)
    case = Circumstances(now=int(now.timestamp()), needed=1, interval=1)
    assessed = loss_guard.assess(store.first_seen(NAME), listed, case)
    change = (assessed.added, frozenset(assessed.gone))
    storing.write(store, NAME, listed, "1", first_seen=assessed.first_seen, change=change)


def question(policy: ImagePolicySpec, **fields) -> Question:
    return Question(**{"name": NAME, "policy": policy, "minimum": None, "present": "", "now": NOON, **fields})


SEMVER = spec({"semver": {"range": ">=1.0.0-0"}})
POLICIES = {
    "semver": SEMVER,
    "alphabetical": spec({"alphabetical": {}}),
    "alphabetical, descending": spec({"alphabetical": {"order": "desc"}}),
    "numerical": spec({"numerical": {}}),
    "numerical, extract": spec({"numerical": {"order": "desc"}}, r"^v?(\d+)\.", "$1"),
}
TAGS = st.lists(
    st.sampled_from(["1", "1.0", "2", "nan", "NaN", "inf", "x", "1.0.0", "v1.0.0", "1.0.0-rc.1", "2.1.0", "0.9.0"]),
    unique=True,
)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@given(lists=st.lists(TAGS, min_size=1, max_size=6))
@settings(max_examples=40)
async def test_a_choice_carried_on_is_the_choice_made_anew(policy, lists):
    with TagStore(None) as store, Limiter(width=1) as limiter:
        chooser = Chooser(tags=store, limiter=limiter)
        for tags in lists:
            write(store, tags)
            asked = question(policy)
            found: object
            try:
                found = (await chooser.decide(KEY, asked)).tag
            except (choose.NothingChosen, NoTags) as error:
                found = type(error)
            try:
                expected: object = choose.choose(policy, tags).tag if tags else NoTags
            except choose.NothingChosen:
                expected = choose.NothingChosen
            assert found == expected


HOUR = timedelta(hours=1)
AGE = Minimum(3 * HOUR)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@given(steps=st.lists(st.tuples(TAGS, st.integers(0, 2), st.sampled_from(["", "1.0.0", "2.1.0"])), max_size=6))
@settings(max_examples=40)
async def test_a_decision_carried_on_under_a_minimum_age_is_the_one_made_anew(policy, steps):
    """Tags come, go and move to other digests while time passes; only the moment to look again may come earlier."""
    now, present = NOON, ""
    with TagStore(None) as store, Limiter(width=1) as limiter:
        chooser = Chooser(tags=store, limiter=limiter)
        for number, (tags, hours, moved) in enumerate(steps):
            now += hours * HOUR
            serial = store.generation(NAME).serial
            write(store, tags, now)
            if moved in tags and store.generation(NAME).serial != serial:  # the same list is not looked at again
                store.witness(NAME, moved, f"sha256:{number}", now)
            asked = question(policy, minimum=AGE, present=present, now=now)
            decisions: list = []
            for each in (chooser, Chooser(tags=store, limiter=limiter)):
                try:
                    decisions.append(await each.decide(KEY, asked))
                except (choose.NothingChosen, NoTags, NoneOldEnough) as error:
                    decisions.append(type(error))
            found, expected = decisions
            if isinstance(found, Decision) and isinstance(expected, Decision):
                present = found.tag
                assert (found.tag, found.ageing) == (expected.tag, expected.ageing)
                assert (found.again or now) <= (expected.again or now)
            else:
                assert found == expected


async def test_a_young_tag_waits_beside_the_one_chosen_without_a_look_at_the_others():
    with TagStore(None) as store, Limiter(width=1) as limiter:
        reading = Reading(store)
        chooser = Chooser(tags=reading, limiter=limiter)

        async def decided(hours: int, *tags: str) -> tuple[Decision, int]:
            write(store, tags, NOON + hours * HOUR)
            asked = question(SEMVER, minimum=AGE, present="1.0.0", now=NOON + hours * HOUR)
            return await chooser.decide(KEY, asked), reading.reads

        def waits(tag: str, until: int, again: int) -> Decision:
            return Decision("1.0.0", Ageing(tag, NOON + until * HOUR), NOON + again * HOUR)

        assert await decided(0, "1.0.0") == (Decision("1.0.0"), 1)
        assert await decided(1, "1.0.0", "1.1.0") == (waits("1.1.0", 4, 4), 1)
        assert await decided(2, "1.0.0", "1.1.0", "0.5.0") == (waits("1.1.0", 4, 4), 1)
        assert await decided(3, "1.0.0", "1.1.0", "0.5.0", "1.2.0") == (waits("1.2.0", 6, 4), 1)
        assert (await decided(4, "1.0.0", "1.1.0", "0.5.0", "1.2.0"))[0].tag == "1.1.0"


async def test_a_tag_that_moved_since_is_too_young_again_when_another_comes():
    with TagStore(None) as store, Limiter(width=1) as limiter:
        chooser = Chooser(tags=store, limiter=limiter)

        async def decided(hours: int, *tags: str) -> Decision:
            write(store, tags, NOON + hours * HOUR)
            return await chooser.decide(KEY, question(SEMVER, minimum=AGE, now=NOON + hours * HOUR))

        store.witness(NAME, "1.1.0", "sha256:a", NOON)
        assert await decided(0, "1.1.0", "1.0.0") == Decision("1.1.0")
        store.witness(NAME, "1.1.0", "sha256:b", NOON + HOUR)
        again = NOON + 4 * HOUR
        assert await decided(1, "1.1.0", "1.0.0", "0.5.0") == Decision("1.0.0", Ageing("1.1.0", again), again)


@pytest.mark.parametrize("minimum", [None, AGE], ids=["of any age", "of an age"])
async def test_a_pin_stands_when_a_newer_tag_is_listed(minimum: Minimum | None):
    with TagStore(None) as store, Limiter(width=1) as limiter:
        chooser = Chooser(tags=store, limiter=limiter)
        asked = question(SEMVER, pin=Pin(tag="1.0.0"), minimum=minimum)
        for tags in (["1.0.0"], ["1.0.0", "1.1.0"], ["1.0.0", "1.1.0", "1.2.0"]):
            write(store, tags)
            assert await chooser.decide(KEY, asked) == Decision("1.0.0")


async def test_a_tag_that_was_allowed_before_it_came_needs_no_age():
    with TagStore(None) as store, Limiter(width=1) as limiter:
        chooser = Chooser(tags=store, limiter=limiter)
        minimum = Minimum(3 * HOUR, allowed=frozenset({"1.1.0"}))
        write(store, ["1.0.0"])
        await chooser.decide(KEY, question(SEMVER, present="1.0.0", minimum=minimum))
        write(store, ["1.0.0", "1.1.0"], NOON + HOUR)
        asked = question(SEMVER, present="1.0.0", minimum=minimum, now=NOON + HOUR)
        assert await chooser.decide(KEY, asked) == Decision("1.1.0")


async def test_a_new_tag_is_weighed_alone_and_a_chosen_one_that_is_gone_is_not_missed():
    with TagStore(None) as store, Limiter(width=1) as limiter:
        reading = Reading(store)
        chooser = Chooser(tags=reading, limiter=limiter)

        async def chosen(*tags: str) -> tuple[str, int]:
            write(store, tags)
            decision = await chooser.decide(KEY, question(SEMVER))
            return decision.tag, reading.reads

        assert await chosen("1.0.0") == ("1.0.0", 1)
        assert await chosen("1.0.0", "1.1.0") == ("1.1.0", 1)
        assert await chosen("1.0.0", "1.1.0", "0.5.0") == ("1.1.0", 1)
        assert await chosen("1.1.0") == ("1.1.0", 1)
        assert await chosen("1.0.0") == ("1.0.0", 2)


async def test_a_doubtful_list_counts_the_tag_in_use_and_is_not_remembered():
    with TagStore(None) as store, Limiter(width=1) as limiter:
        chooser = Chooser(tags=store, limiter=limiter)
        storing.write(store, NAME, ["1.0.0"], "1", doubtful=True)
        assert (await chooser.decide(KEY, question(SEMVER, present="1.1.0"))).tag == "1.1.0"
        storing.write(store, NAME, ["1.0.0"], "1", doubtful=False)
        assert (await chooser.decide(KEY, question(SEMVER, present="1.1.0"))).tag == "1.0.0"


async def test_a_doubtful_list_does_not_keep_a_tag_that_the_policy_no_longer_wants():
    with TagStore(None) as store, Limiter(width=1) as limiter:
        chooser = Chooser(tags=store, limiter=limiter)
        storing.write(store, NAME, ["1.0.0"], "1", doubtful=True)
        wanted = spec({"semver": {"range": "1.0.x"}})
        assert (await chooser.decide(KEY, question(wanted, present="1.1.0"))).tag == "1.0.0"


VERSIONS = [f"1.{minor}.0" for minor in range(6)]


@given(
    lists=st.lists(st.sets(st.sampled_from(VERSIONS)), min_size=1, max_size=6),
    policy=st.sampled_from([SEMVER, POLICIES["alphabetical"]]),
)
@settings(max_examples=60)
async def test_a_list_that_lies_every_other_time_never_moves_a_policy_down(lists, policy):
    """Between any two lies, whatever they leave out, a scan sees every tag; the policy only ever goes up."""
    known, best = None, ""
    with TagStore(None) as store, Limiter(width=1) as limiter:
        chooser = Chooser(tags=store, limiter=limiter)
        for number in range(2 * len(lists)):
            truth = VERSIONS[: 1 + number // 2]
            listed = scan.in_order(truth if number % 2 == 0 else lists[number // 2] & set(truth))
            case = Circumstances(now=60 * number, needed=2, interval=60)
            assessed = loss_guard.assess(known, listed, case)
            known = assessed.first_seen
            change = (assessed.added, frozenset(assessed.gone))
            storing.write(store, NAME, known.names, "1", first_seen=known, change=change)
            tag = (await chooser.decide(KEY, question(policy))).tag
            assert tag >= best
            best = tag
        assert best == truth[-1]


@pytest.mark.parametrize("tags", [["1", "nan"], ["NaN", "2", "1"], ["3", "inf", "nAn"]], ids=", ".join)
async def test_what_is_no_number_has_no_place_in_an_order_so_the_whole_list_is_weighed(tags):
    """NaN is neither before nor after a number: who wins depends on the walk, which one more tag changes."""
    policy = POLICIES["numerical"]
    assert choose.choose(policy, [tag for tag in tags if "nan" not in tag.lower()]).is_total
    assert not choose.choose(policy, tags).is_total
    with TagStore(None) as store, Limiter(width=1) as limiter:
        reading = Reading(store)
        chooser = Chooser(tags=reading, limiter=limiter)
        for reads, listed in enumerate((tags, [*tags, "7"]), 1):
            write(store, listed)
            found = await chooser.decide(KEY, question(policy))
            assert (found.tag, reading.reads) == (choose.choose(policy, listed).tag, reads)


async def test_a_policy_that_is_two_lists_behind_chooses_from_the_whole_list():
    with TagStore(None) as store, Limiter(width=1) as limiter:
        chooser = Chooser(tags=store, limiter=limiter)
        for tags in (["1.0.0"], ["1.0.0", "3.0.0"], ["1.0.0", "2.0.0", "3.0.0"]):
            write(store, tags)
            if len(tags) != 2:
                found = await chooser.decide(KEY, question(SEMVER))
        assert found.tag == "3.0.0"
