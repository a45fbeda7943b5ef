"""Following objects: each as often as it changes, through the ends of watches and versions that are too old."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gotk.kube import errors
from image_automation.cli import following


def obj(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}


class Server:
    """Answers one watch after the other from a script: events, and perhaps an error at the end."""

    def __init__(self, *watches: tuple[list[tuple[str, dict[str, Any]]], Exception | None]) -> None:
        self.watches = list(watches)
        self.asked: list[str] = []

    async def watch_objects(
        self, api_version: str, kind: str, namespace: str = "", *, resource_version: str, labels: str, fields: str
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        self.asked.append(resource_version)
        events, error = self.watches.pop(0)
        for event in events:
            yield event
        if error is not None:
            raise error


GONE = errors.Expired(410, "Expired", "too old resource version")
END = errors.Unreachable(0, "Unreachable", "connection refused")


async def test_each_change_is_told_once_whatever_becomes_of_the_watch() -> None:
    server = Server(
        ([("ADDED", obj("a", 1)), ("ADDED", obj("b", 2)), ("BOOKMARK", obj("", 5))], None),
        ([("MODIFIED", obj("a", 6)), ("DELETED", obj("b", 7))], GONE),
        ([("ADDED", obj("a", 6)), ("ADDED", obj("b", 9))], END),
    )
    shown: following.Shown = {}
    assert following.remember(shown, obj("a", 1))
    changes = following.changes(server, "v1", "Event", "apps", shown=shown)
    found = [await anext(changes) for _ in range(3)]
    assert found == [obj("b", 2), obj("a", 6), obj("b", 9)]
    with pytest.raises(errors.Unreachable):
        await anext(changes)
    assert server.asked == ["", "5", ""]


async def test_the_first_that_fails_ends_all_with_its_own_error() -> None:
    async def fails() -> None:
        raise END

    async def lasts() -> None:
        await asyncio.Event().wait()

    with pytest.raises(errors.Unreachable, match="connection refused"):
        await following.together([lasts(), fails()])
