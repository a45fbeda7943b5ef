"""The plain functions of the simulator, and what rollouts promise whatever the numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.apiserver.simulator import fate, rolling_update
from gotk.apiserver.simulator.rolling_update import Count


@pytest.mark.parametrize(
    ("text", "outcome", "delay"),
    [
        ("", fate.READY, 0.5),
        ("ready after 10s", fate.READY, 10),
        ("after 1m30s", fate.READY, 90),
        ("CrashLoop", fate.CRASH_LOOP, 0.5),
        ("crash-loop after 2s", fate.CRASH_LOOP, 2),
        ("ImagePullBackOff", fate.IMAGE_PULL, 0.5),
        ("ProgressDeadlineExceeded", fate.DEADLINE, 0.5),
        ("nonsense after soon", fate.READY, 0.5),
    ],
)
def test_annotations_are_read_kindly(text: str, outcome: str, delay: float) -> None:
    assert fate.told(text, 0.5) == fate.Fate(outcome, delay)


@pytest.mark.parametrize(
    ("image", "outcome"),
    [
        ("web:1.0.0", fate.READY),
        ("web:1.0.0-crashloop", fate.CRASH_LOOP),
        ("registry:5000/team/imagepull:1", fate.IMAGE_PULL),
        ("web:neverready@sha256:0123", fate.NEVER_READY),
        ("imagepullsecret-patcher:0.14", fate.READY),
        ("web:ready", fate.READY),
    ],
)
def test_images_say_so_only_with_whole_words(image: str, outcome: str) -> None:
    assert fate.named({"containers": [{"image": image}]}, 0.5).outcome == outcome


@given(
    replicas=st.integers(0, 20),
    surge=st.sampled_from([0, 1, 3, "25%", "100%"]),
    unavailable=st.sampled_from([0, 1, 2, "25%", "100%"]),
    before=st.integers(0, 20),
)
def test_a_rollout_ends_and_stays_within_its_limits(
    replicas: int, surge: int | str, unavailable: int | str, before: int
) -> None:
    spec = {"replicas": replicas, "strategy": {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}}
    above, below = rolling_update.limits(spec["strategy"]["rollingUpdate"], replicas)
    new, old = Count(), Count(before, before, before)
    for _ in range(100):
        wanted, (left,) = rolling_update.step(spec, new, [old])
        assert wanted + left <= max(replicas + above, new.wanted + old.wanted)
        assert new.available + min(left, old.available) >= min(replicas - below, new.available + old.available)
        if (wanted, left) == (new.wanted, old.wanted):
            break
        new, old = Count(wanted, wanted, wanted), Count(left, left, left)
    assert (new.wanted, old.wanted) == (replicas, 0)
