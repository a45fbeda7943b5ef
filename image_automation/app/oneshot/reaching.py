"""The way to Git remotes of one pass: secrets, proxies and logins to clouds, as the service has them."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from gotk.cloud.account import Cluster
from gotk.cloud.caller import Caller
from gotk.http import route
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock
from gotk.runtime.metrics import Metrics
from gotk.sources.git_access import GitAccess
from image_automation.app import clouds
from image_automation.app.settings import Settings


@contextlib.asynccontextmanager
async def git_access(
    objects: Cluster, limiter: Limiter, *, environment: Mapping[str, str], clock: Clock
) -> AsyncIterator[GitAccess]:
    """Open the way. Raises ValueError for a proxy of the environment that is no URL."""
    settings = Settings(data_dir=Path(), environment=environment)
    known = clouds.identities(settings, objects, clock, Metrics(process=False))
    async with Caller(route=route.from_environment(environment)) as caller:
        logins = clouds.git_logins(settings, known, clock, caller)
        yield GitAccess(objects=objects, limiter=limiter, logins=logins)
