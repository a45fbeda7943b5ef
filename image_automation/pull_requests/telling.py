"""What is told of pull requests, in events: that one was opened, and what became of it, whoever did that."""

from collections.abc import Iterable
from typing import Any, Final

from gotk.forge.pull_request import PullRequest, State
from gotk.runtime.reconciler import Run
from image_automation import report
from image_automation.pull_requests.carrying import Desk

OPENED: Final = "PullRequestOpened"
MERGED: Final = "PullRequestMerged"
CLOSED: Final = "PullRequestClosed"


async def opened(run: Run[Any], now: report.PullRequest) -> None:
    """Tell that one was opened."""
    await run.tell("Normal", OPENED, f"opened pull request #{now.number}: {now.title}\n{now.url}")


async def ended(run: Run[Any], desk: Desk, gone: report.PullRequest, seen: Iterable[PullRequest]) -> None:
    """Tell what became of one that is not open any more; the forge is asked where it is none of those seen."""
    pull = next((each for each in seen if each.number == gone.number), None)
    if pull is None:
        pull = await desk.ask(desk.forge.get_pull_request(gone.number))
    about = f"{gone.title}\n{gone.url}"
    if pull.state is State.MERGED:
        commit = f" as {pull.merge_commit[:12]}" if pull.merge_commit else ""
        await run.tell("Normal", MERGED, f"pull request #{gone.number} was merged{commit}: {about}")
    else:
        await run.tell("Normal", CLOSED, f"pull request #{gone.number} was closed: {about}")
