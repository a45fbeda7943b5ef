"""Commits that the forge makes, asked for at the forge of an automation; its refusals are the runtime's errors."""

from dataclasses import dataclass

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.api.source import GitRepository
from gotk.forge.commit import Change, Committing, Moved
from gotk.forge.pull_request import NotOffered
from gotk.git import errors as git
from gotk.http import errors
from gotk.http.exchange import Unusable
from gotk.runtime.blocking import Limiter
from gotk.runtime.errors import Retry
from image_automation.pull_requests import access as places
from image_automation.pull_requests import settings
from image_automation.pull_requests.access import Access
from image_automation.pull_requests.settings import Forge, invalid
from image_automation.writing.delivery import ByForge, ByGit
from image_automation.writing.source_manager import Delivery, push_failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Committer:
    """Makes commits in the repository of an automation, as whoever its token is."""

    access: Access
    settings: Forge
    automation: ImageUpdateAutomation
    source: GitRepository

    async def commit(self, change: Change) -> str:
        """Make one and return its name. Raises Moved, NotOffered, Stalled and Retry."""
        forge, asker = await self.access.open(self.settings, self.automation, self.source)
        if not isinstance(forge, Committing):
            raise invalid(f"{forge.title} makes no commits that it signs", extensions.FORGE_COMMITS)
        try:
            return await asker.ask(forge.commit(change))
        except (Moved, NotOffered):
            raise
        except errors.Unauthorized as error:
            raise _failed(f"{error}: the token needs the right to write the repository's contents") from error
        except (Unusable, errors.BadAnswer) as error:
            rejected = git.Rejected(f"{forge.title}: {error}")
            raise push_failed(rejected) from rejected
        except errors.HTTPError as error:
            raise _failed(f"{forge.title}: {error}", error.retry_after) from error


def delivery(access: Access, limiter: Limiter, automation: ImageUpdateAutomation, source: GitRepository) -> Delivery:
    """Return how the commits of an automation get to their branches. Raises Stalled for its annotation."""
    forge = settings.commits(automation)
    if forge is None:
        return ByGit(limiter)
    places.check(forge, source)
    return ByForge(limiter, Committer(access=access, settings=forge, automation=automation, source=source).commit)


def _failed(cause: str, after: float | None = None) -> Retry:
    failed = push_failed(git.Unreachable(cause))
    return Retry(failed.reason, failed.message, after=after)
