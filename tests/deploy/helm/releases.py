"""Releases as helm stores them, made for tests."""

from typing import Any

from deploy.helm import digests, snapshots
from deploy.helm.release import Hook, HookExecution, Info, Release
from gotk.api.helm import ReleaseSnapshot


def release(version: int = 1, status: str = "deployed", **fields: Any) -> Release:
    """Make a revision of `apps/web`, of chart `web@1.0.0`."""
    info = Info(
        first_deployed="2026-01-01T10:00:00.123456789Z",
        last_deployed="2026-01-02T11:00:00.5+01:00",
        status=status,  # type: ignore[arg-type] # the test's own spelling
        description="Install complete",
    )
    made: dict[str, Any] = {
        "name": "web",
        "namespace": "apps",
        "version": version,
        "info": info,
        "chart": {"metadata": {"name": "web", "version": "1.0.0", "appVersion": "7"}},
        "config": {"replicas": 2},
        "manifest": "kind: ConfigMap\n",
    }
    return Release(**(made | fields))


def hook(name: str = "smoke", *, event: str = "test", phase: str = "") -> Hook:
    """Make a hook that has run, and how."""
    run = HookExecution(
        started_at="2026-01-02T10:00:01Z" if phase else "",
        completed_at="2026-01-02T10:00:02.75Z" if phase else "",
        phase=phase,  # type: ignore[arg-type] # the test's own spelling
    )
    return Hook(name=name, kind="Pod", path="t.yaml", manifest="kind: Pod\n", events=(event,), last_run=run)


def snapshot(of: Release, **fields: Any) -> ReleaseSnapshot:
    """Take the snapshot that the object's status would hold of a release."""
    return snapshots.of(of, **({"config_digest": digests.config(of.config), "action": "install"} | fields))
