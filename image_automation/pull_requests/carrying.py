"""What was decided for one scope, carried out: pushed, opened, written, closed, merged, in this order.

Whoever dies between two of these steps, or finds the forge down, is followed by a run that finds what was done and goes
on from there. What the forge does not offer, or refuses to merge, is said in the pull request's record and stops
nothing else.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from gotk.forge.hosting import Asking
from gotk.forge.pull_request import (
    Merging,
    Message,
    Method,
    NotOffered,
    Opinion,
    Outcome,
    Proposing,
    PullRequest,
    Wanted,
)
from gotk.forge.status import State as Progress
from gotk.git import errors as git
from gotk.http import errors
from gotk.http.exchange import Unusable
from gotk.runtime.blocking import Limiter
from gotk.runtime.errors import Conflict, Retry
from image_automation.pull_requests import deciding, section
from image_automation.pull_requests.access import FAILED, Asker
from image_automation.pull_requests.deciding import Decision
from image_automation.pull_requests.drafting import Place
from image_automation.pull_requests.section import Note
from image_automation.pull_requests.settings import Settings
from image_automation.update.proposal import Grant
from image_automation.writing import trailers

T = TypeVar("T")
_MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What a pull request is to say, and what its description says of itself."""

    title: str
    text: str
    note: Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What became of it: the pull request that is open, its branch's commit, the commit that the forge is to merge."""

    pull_request: PullRequest | None = None
    head: str = ""
    scheduled: str = ""
    notes: tuple[str, ...] = ()
    again: float | None = None

    def noting(self, *notes: str) -> "Carried":
        """Return the same with more to say."""
        return replace(self, notes=(*self.notes, *filter(None, notes)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A forge, and who asks it."""

    forge: Proposing
    asker: Asker

    async def ask(self, conversation: Asking[T]) -> T:
        """Hold a conversation. Raises NotOffered, and Retry that says what to do next."""
        try:
            return await self.asker.ask(conversation)
        except NotOffered:
            raise
        except errors.Unauthorized as error:
            cause = f"{error}: the token needs the right to read and write pull requests and the branches they are from"
            raise Retry(FAILED, cause) from error
        except (Unusable, errors.HTTPError) as error:
            after = error.retry_after if isinstance(error, errors.HTTPError) else None
            raise Retry(FAILED, f"{self.forge.title}: {error}", after=after) from error

    async def merging(self, conversation: Asking[Merging]) -> Merging:
        """Ask for a merge; what is not offered is refused."""
        try:
            return await self.ask(conversation)
        except NotOffered as error:
            return Merging(outcome=Outcome.REFUSED, message=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """Carries out what was decided for one scope. `push` brings the branch to what is proposed, and returns its tip.

    `more` is what a description says besides, asked for where one is written. `confirm` sees that it may still be
    written, for to merge is to write, and returns whose word lets it be merged, where anybody's counts.
    """

    desk: Desk
    limiter: Limiter
    settings: Settings
    place: Place
    base: str
    push: Callable[[], Awaitable[str]]
    more: Callable[[], Awaitable[str]]
    confirm: Callable[[], Awaitable[tuple[Grant, ...]]]

    async def carry_out(self, decision: Decision, text: Text | None, scheduled: str) -> Carried:
        """Do it all. Raises Retry, Stalled and Conflict."""
        done = Carried(
            pull_request=decision.pull_request,
            head=self.place.branch.tip or "",
            scheduled=scheduled,
            again=decision.again,
        ).noting(decision.note)
        for action in decision.actions:
            match action:
                case deciding.Push():
                    done = replace(done, head=await self.push())
                case deciding.Open():
                    done = await self._open(done, text)
                case deciding.Write(pull):
                    done = await self._write(done, pull, text)
                case deciding.Close(pull, why):
                    await self._close(pull, why)
                case deciding.CallOff(pull, why):
                    done = await self._call_off(done, pull, why)
                case deciding.Delete(tip):
                    await self._delete(tip)
                case deciding.Schedule():
                    done = await self._schedule(done)
                case deciding.MergeWhenGreen(pull):
                    done = await self._merge_when_green(done, pull)
        return done

    async def _open(self, done: Carried, text: Text | None) -> Carried:
        assert text is not None
        body = section.write(text.note, await self._whole(text))
        assert body is not None
        kept = await self.desk.ask(self.desk.forge.open_pull_request(self._wanted(text.title, body)))
        return replace(done, pull_request=kept.pull_request).noting(*kept.warnings)

    async def _write(self, done: Carried, there: PullRequest, text: Text | None) -> Carried:
        assert text is not None
        before = section.read(there.body)
        body = section.write(text.note, await self._whole(text), there.body)
        if before is None or body is None:
            return done.noting("its description has been taken apart: it stays as it is")
        title = text.title if before.title == section.digest(there.title) else there.title
        wanted = replace(self._wanted(title, body), base=there.base)
        kept = await self.desk.ask(self.desk.forge.update_pull_request(there.number, wanted))
        return replace(done, pull_request=kept.pull_request).noting(*kept.warnings)

    async def _whole(self, text: Text) -> str:
        return "\n\n".join(filter(None, (text.text, await self.more())))

    async def _close(self, there: PullRequest, why: str) -> None:
        """Close it, after writing into it that this is no person's refusal."""
        note = section.read(there.body)
        if note is not None and not note.withdrawn:
            withdrawn = section.rewritten(there.body, msgspec.structs.replace(note, withdrawn=True))
            wanted = Wanted(title=there.title, body=withdrawn, head=there.head, base=there.base)
            await self.desk.ask(self.desk.forge.update_pull_request(there.number, wanted))
        await self.desk.ask(self.desk.forge.close_pull_request(there.number, why))

    async def _call_off(self, done: Carried, there: PullRequest, why: str) -> Carried:
        if await self.desk.ask(self.desk.forge.call_off(there.number)):
            return replace(done, scheduled="")
        await self._close(there, why)
        raise Conflict(f"pull request #{there.number} is closed, for the forge would have merged it")

    async def _delete(self, tip: str) -> None:
        try:
            await self.limiter.run(self.place.manager.repository.delete, self.place.branch.name, tip)
        except git.NonFastForward as error:
            raise Conflict(f"branch '{self.place.branch.name}' moved: {error.message}") from error
        except git.Error as error:
            raise Retry(FAILED, f"branch '{self.place.branch.name}' cannot be deleted: {error.message}") from error

    async def _schedule(self, done: Carried) -> Carried:
        pull = done.pull_request
        assert pull is not None
        message = await self._message(pull, done.head, await self.confirm())
        asked = self.desk.forge.enable_auto_merge(pull.number, done.head, self.settings.merge_method, message)
        return _merged(done, await self.desk.merging(asked))

    async def _merge_when_green(self, done: Carried, pull: PullRequest) -> Carried:
        if done.scheduled == done.head:
            return done.noting("it waits in the merge queue")
        if why := await self._not_green(pull, done.head):
            return done.noting(why)
        message = await self._message(pull, done.head, await self.confirm())
        asked = self.desk.forge.merge(pull.number, done.head, self.settings.merge_method, message)
        return _merged(done, await self.desk.merging(asked))

    async def _message(self, pull: PullRequest, head: str, grants: Sequence[Grant]) -> Message | None:
        """Word the commit of a merge with those whose word lets it be merged; without them the forge words it.

        What is squashed keeps what our commit says: by that it is known as ours.
        """
        method, repository = self.settings.merge_method, self.place.manager.repository
        if not grants or method is Method.REBASE:
            return None
        said = await self.limiter.run(repository.message, head) if method is Method.SQUASH else ""
        author = self.place.manager.spec.commit.author
        ours = f"Co-authored-by: {author.name} <{author.email}>"
        if said and ours not in said.splitlines():
            said = trailers.under(said, [ours])
        return Message(title=f"{pull.title} (#{pull.number})", text=trailers.added(said, grants).strip("\n"))

    async def _not_green(self, pull: PullRequest, head: str) -> str:
        """Say why a pull request is not merged yet; nothing where it may be."""
        if pull.draft:
            return "it is a draft and is not merged"
        checks = await self.desk.ask(self.desk.forge.checks(head))
        match checks.state:
            case None:
                return "no check has reported on it yet: it is merged once one has, and all have passed"
            case Progress.FAILURE:
                return f"it is not merged, for checks have failed: {_listed(checks.named(Progress.FAILURE))}"
            case Progress.PENDING:
                return f"it waits for checks: {_listed(checks.named(Progress.PENDING))}"
            case Progress.SUCCESS:
                pass
        reviews = await self.desk.ask(self.desk.forge.reviews(pull.number))
        objecting = [each.who for each in reviews if each.opinion is Opinion.CHANGES_REQUESTED]
        return f"it is not merged, for changes are requested by {_listed(objecting)}" if objecting else ""

    def _wanted(self, title: str, body: str) -> Wanted:
        settings = self.settings
        return Wanted(
            title=title,
            body=body,
            head=self.place.branch.name,
            base=self.base,
            labels=settings.labels,
            reviewers=settings.reviewers,
            assignees=settings.assignees,
            draft=settings.draft,
        )


def _merged(done: Carried, merging: Merging) -> Carried:
    match merging.outcome:
        case Outcome.MERGED:
            return replace(done, again=deciding.SOON)
        case Outcome.QUEUED:
            return replace(done, scheduled=done.head).noting("it waits in the merge queue")
        case Outcome.SCHEDULED:
            return replace(done, scheduled=done.head)
        case Outcome.MOVED:
            return replace(done, again=deciding.SOON).noting("its branch has moved: it is looked at again")
        case Outcome.REFUSED:
            return done.noting(f"it is not merged: {git.printable(merging.message)}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return git.printable(", ".join(names[:_MOST])) + more
