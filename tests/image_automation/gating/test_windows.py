"""Windows: what is open, when the next one opens, and what both an automation and a policy let through."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gotk.api import extensions
from image_automation.gating import chain, windows
from image_automation.gating.facts import Misread
from tests.image_automation.gating.facing import changes, facts, policy

WORK = "[{allow: 'Mon-Fri 09:00-16:30', timeZone: Europe/Berlin}]"
SUNDAY = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def of(text: str) -> windows.Windows:
    return windows.of({extensions.WINDOWS: text})


def held(now: datetime, automation: str = "[]", **policies: str):
    made = [policy(name, windows=text) if text else policy(name) for name, text in policies.items()]
    return chain.found(changes(*policies), [windows.gate(facts(*made, now=now, windows=automation))])


@pytest.mark.parametrize(
    ("text", "refusal", "opens"),
    [
        pytest.param("[]", None, "2026-11-29T12:00", id="nothing said is always open"),
        pytest.param(WORK, "outside its windows", "2026-11-30T08:00", id="outside of what is allowed"),
        pytest.param("[{allow: 'Sun 10:00-14:00'}]", None, "2026-11-29T12:00", id="inside"),
        pytest.param(
            "[{deny: 'Sat,Sun 00:00-24:00'}]", "'Sat,Sun 00:00-24:00' is denied", "2026-11-30T00:00", id="denied"
        ),
        pytest.param(
            "[{allow: 'Sun 10:00-14:00'}, {deny: '0 11 29 11 *', duration: 2h}]",
            "'0 11 29 11 *' is denied", "2026-11-29T13:00", id="deny wins, and ends within what is allowed"),
        pytest.param(
            "[{allow: 'Sun 10:00-14:00'}, {deny: '0 11 29 11 *', duration: 4h}]",
            "'0 11 29 11 *' is denied", "2026-12-06T10:00", id="deny outlasts what is allowed"),
        pytest.param(
            "[{deny: 'Sun 00:00-24:00'}, {deny: 'Mon 00:00-08:00'}, {deny: 'Mon 07:00-09:00'}]",
            "'Sun 00:00-24:00' is denied", "2026-11-30T09:00", id="one deny after another"),
        pytest.param(
            "[{allow: 'Mon 09:00-10:00'}, {deny: 'Mon 00:00-24:00'}]", "outside its windows", None, id="never"),
        pytest.param("[{deny: '00:00-24:00'}]", "'00:00-24:00' is denied", None, id="denied for ever"),
    ],
)  # fmt: skip
def test_what_is_open_and_when_it_opens(text: str, refusal: str | None, opens: str | None):
    found = of(text)
    assert found.refusal(SUNDAY) == refusal
    assert found.opening(SUNDAY) == (datetime.fromisoformat(opens).replace(tzinfo=UTC) if opens else None)


def test_what_is_outside_waits_and_says_when_it_opens():
    (hold,) = held(SUNDAY, WORK, web="")
    assert (hold.kind, hold.message) == ("OutsideWindow", "outside its windows: opens at 2026-11-30T08:00:00Z")
    assert hold.until == datetime(2026, 11, 30, 8, tzinfo=UTC)
    assert held(hold.until, WORK, web="") == []


def test_a_policys_windows_are_for_its_own_places():
    found = held(SUNDAY, web=WORK, api="")
    assert [hold.path for hold in found] == ["web.yaml"]


def test_both_have_to_be_open():
    (hold,) = held(SUNDAY, WORK, web="[{allow: 'Tue-Thu 12:00-20:00'}]")
    assert hold.message == "outside its windows: opens at 2026-12-01T12:00:00Z"
    (hold,) = held(SUNDAY, "[{allow: 'Mon 09:00-10:00'}]", web="[{allow: 'Tue 09:00-10:00'}]")
    assert hold.message == "outside its windows: nothing opens within two years"
    assert hold.until is None


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        pytest.param("Mon-Fri", "Expected `array`", id="no list"),
        pytest.param("[{}]", "entry 1 must have either allow or deny", id="neither"),
        pytest.param("[{allow: '09:00-10:00', deny: '09:00-10:00'}]", "either allow or deny", id="both"),
        pytest.param("[{allow: '09:00-10:00', timezone: UTC}]", "unknown field `timezone`", id="misspelt"),
        pytest.param("[{allow: 5}]", "Expected `str`", id="a number"),
        pytest.param("[{allow: whenever}]", "neither hours", id="no schedule"),
        pytest.param(str(["x"] * 51), "Expected `object`", id="text"),
        pytest.param(str([{"allow": "09:00-10:00"}] * 51), "more than 50 entries", id="too many"),
    ],
)
def test_what_is_misread_is_named(text: str, cause: str):
    with pytest.raises(Misread, match=f"annotation image-automation.dev/windows: .*{cause}.*; write it as"):
        of(text)


_DAYS = st.sampled_from(["", "Mon-Fri ", "Sat,Sun ", "Tue ", "Fri-Mon "])
_HOURS = st.builds(lambda days, a, b: f"{days}{a:02}:00-{b:02}:30", _DAYS, st.integers(0, 23), st.integers(0, 23))
_ENTRY = st.builds(
    lambda kind, text, zone: {kind: text, "timeZone": zone},
    st.sampled_from(["allow", "allow", "deny"]),
    _HOURS,
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
)


@settings(max_examples=50, deadline=None)
@given(
    entries=st.lists(_ENTRY, min_size=1, max_size=4),
    minutes=st.integers(0, 16 * 24 * 60),
)
def test_an_opening_is_the_first_open_time(entries: list[dict[str, str]], minutes: int):
    moment = datetime(2026, 3, 20, tzinfo=UTC) + timedelta(minutes=minutes)
    found = of(str(entries))
    opens = found.opening(moment)
    assert (opens == moment) == (found.refusal(moment) is None)
    if opens is None:
        return
    assert found.refusal(opens) is None
    if opens > moment:
        assert found.refusal(opens - timedelta(seconds=1)) is not None
        step = (opens - moment) / 20
        assert all(found.refusal(moment + number * step) is not None for number in range(20))


@pytest.mark.parametrize(
    ("text", "closes"),
    [
        pytest.param("[]", None, id="nothing said never closes"),
        pytest.param("[{allow: 'Sun 10:00-14:00'}]", "2026-11-29T14:00", id="at the end of what is allowed"),
        pytest.param("[{allow: 'Sun 10:00-14:00'}, {allow: 'Sun 11:00-15:00'}]", "2026-11-29T15:00", id="of all of it"),
        pytest.param("[{deny: 'Mon 08:00-09:00'}]", "2026-11-30T08:00", id="at the begin of what is denied"),
        pytest.param(
            "[{allow: 'Sun 10:00-14:00'}, {deny: 'Sun 13:00-14:00'}]", "2026-11-29T13:00", id="at what comes first"
        ),
    ],
)
def test_when_what_is_open_closes(text: str, closes: str | None):
    found = windows.closing(facts(policy(), now=SUNDAY, windows=text))
    assert (found.strftime("%Y-%m-%dT%H:%M") if found else None) == closes
    assert windows.closing(facts(policy(windows=text), now=SUNDAY)) == found
