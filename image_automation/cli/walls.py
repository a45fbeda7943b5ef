"""Which walls stand around children that work on strangers' bytes: told when the service starts."""

from gotk.sandbox import walls
from image_automation.cli import output


def tell(*, required: bool) -> None:
    """Log what confined children are refused on this machine. Raises Failure where a required wall is missing."""
    import structlog  # noqa: PLC0415 - slow to load, and `check` logs nothing

    found = walls.inspect()
    log = structlog.get_logger()
    if found.stand:
        log.info("children are confined", refused=list(found.refused), landlock=found.landlock)
        return
    if required:
        output.fail(f"--require-sandbox: {missing(found)}")
    log.warning("children are not fully confined", open=list(found.open), causes=list(found.causes))


def missing(found: walls.Walls) -> str:
    """Return what confined children can still reach, and why."""
    causes = "; ".join(found.causes) or "the confined child could not be started, or its walls did not hold"
    return f"confined children can still reach {', '.join(found.open)}: {causes}"
