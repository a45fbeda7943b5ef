"""Providers that set the status of the commit that an event names; only Gitea's shows progress, as in Flux."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from gotk.forge.status import Status
from gotk.http.exchange import Exchange
from image_automation.notification.notice import PROGRESSING, Notice
from image_automation.notification.providers.account import Account, Provider
from image_automation.notification.providers.git import event, forges


class _Forge(Protocol):
    def keep_status(self, revision: str, wanted: Status) -> Exchange: ...


def _provider(forge_of: Callable[[Account], _Forge], *, shows_progress: bool = False) -> Provider:
    def keep(notice: Notice, account: Account) -> Exchange:
        if notice.reason == PROGRESSING and not shows_progress:
            return
        forge = forge_of(account)
        revision = event.revision(notice)
        yield from forge.keep_status(revision, _status(notice, account))

    return keep


def _status(notice: Notice, account: Account) -> Status:
    title, description = event.described(notice)
    summary = notice.facts.get("summary", "")
    return Status(
        state=event.state(notice, account),
        name=account.commit_status,
        description=description,
        title=title,
        group=f"fluxcd:{summary}" if summary else "fluxcd",
    )


PROVIDERS: Final[Mapping[str, Provider]] = {
    "github": _provider(forges.github),
    "gitlab": _provider(forges.gitlab),
    "gitea": _provider(forges.gitea, shows_progress=True),
    "bitbucket": _provider(forges.bitbucket),
    "bitbucketserver": _provider(forges.bitbucketserver),
    "azuredevops": _provider(forges.azuredevops),
}
