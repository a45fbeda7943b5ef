"""How a commit that was made here gets to its branch: pushed by Git, or made once more by the forge, which signs it.

The forge gives it another name, and its parent and content are the same: that is seen before anybody is told of it. So
a commit is known, also after a crash, by what it holds (ADR 0088). A branch that it cannot build anew is pushed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final, TypeAlias

from gotk.forge.commit import Change, Moved
from gotk.forge.pull_request import NotOffered
from gotk.git import errors as git
from gotk.runtime.blocking import Limiter
from image_automation import ports
from image_automation.writing import remaking
from image_automation.writing.source_manager import CheckedOut, PushResult, SourceManager, push_failed

#: Makes a commit at the forge and returns its name. Raises Moved, NotOffered, and the runtime's errors.
Commit: TypeAlias = Callable[[Change], Awaitable[str]]
_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class ByGit:
    """Pushes."""

    remakes: ClassVar[bool] = False
    limiter: Limiter

    async def deliver(
        self,
        manager: SourceManager,
        checked_out: CheckedOut,
        made: PushResult,
        edits: Mapping[str, bytes],  # noqa: ARG002 - what a push needs is in the commit
    ) -> PushResult:
        """Push it."""
        await self.limiter.run(manager.push, checked_out, made)
        return made


@dataclass(frozen=True, slots=True)
class ByForge:
    """Lets the forge make commits."""

    remakes: ClassVar[bool] = True
    limiter: Limiter
    commit: Commit

    async def deliver(
        self, manager: SourceManager, checked_out: CheckedOut, made: PushResult, edits: Mapping[str, bytes]
    ) -> PushResult:
        """Let the forge make it, and see that it is the same; a branch that it cannot build anew is pushed."""
        change = Change(
            branch=made.branch,
            parent=made.parent,
            message=made.message,
            files=edits,
            replaces=(checked_out.tip or "") if made.rebuilt else "",
        )
        try:
            async with asyncio.timeout(min(manager.repository.time_to_write(), _PATIENCE)):
                name = await self.commit(change)
        except Moved as error:
            raise git.NonFastForward(str(error)) from error
        except NotOffered as error:
            await self.limiter.run(manager.push, checked_out, made)
            return replace(made, aside=f"the forge has not made and signed it: {error}")
        except TimeoutError as error:
            raise push_failed(git.TimedOut("the forge did not make the commit in time")) from error
        except git.Fenced as error:
            raise push_failed(error) from error
        return await self.limiter.run(_received, manager.repository, made, name)


def _received(repository: ports.Repository, made: PushResult, name: str) -> PushResult:
    """Return a commit as the forge has made it, once it has been seen that it is the same."""
    where = f"commit '{name[:12]}' on branch '{made.branch}'"
    try:
        repository.fetch(f"refs/heads/{made.branch}")
        if not repository.has(name):
            raise push_failed(git.ReferenceNotFound(f"{where} cannot be fetched yet"))
        if not remaking.is_same(repository, name, made.tree, made.parent):
            raise push_failed(git.Unverified(f"{where} is not what the forge was asked for: look at it"))
        return replace(made, commit=name, made_at=repository.committed_at(name))
    except git.Error as error:
        raise push_failed(error) from error
