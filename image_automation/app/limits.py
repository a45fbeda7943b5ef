"""What of the settings bounds the runtime: how many runs at once, delays after failures, what is held back."""

from gotk.runtime import settings as runtime
from image_automation.app.settings import Settings


def runtime_limits(settings: Settings) -> runtime.Settings:
    """Return what the manager of the controllers is told."""
    return runtime.Settings(
        workers=settings.concurrent,
        more_workers={"ImageRepository": settings.concurrent_scans},
        interval_jitter=settings.interval_jitter,
        hold_unchanged=settings.hold_unchanged_status,
        hold_revision=settings.hold_unchanged_revision,
        requeue_dependency=settings.requeue_dependency,
        min_retry_delay=settings.min_retry_delay,
        max_retry_delay=settings.max_retry_delay,
        grace=settings.grace,
        shard=settings.shard,
    )
