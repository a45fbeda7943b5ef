"""Pushing to a registry: blobs that are not there yet, then the manifest that names them.

Answers to the distribution specification (1.1): a blob goes in one piece, POST and PUT, as go-containerregistry sends
small ones. Where the PUT goes is the registry's choice, but never to another host: our credentials go along.
"""

from yarl import URL

from gotk.http.transport import Request
from gotk.oci import errors
from gotk.oci.access import Access
from gotk.oci.conversation import Conversation
from gotk.oci.manifest import Descriptor
from gotk.oci.name import Repository

_ANSWER_LIMIT = 64 << 10
_THERE_OR_NOT = frozenset({200, 404})
_ACCEPTED = frozenset({202})
_CREATED = frozenset({201})


class Pusher:
    """Writes blobs and manifests of repositories. Every method raises errors.RegistryError."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    async def blob(self, repository: Repository, blob: Descriptor, content: bytes, access: Access) -> None:
        """Put a blob where it is not there yet."""
        blobs = await self._conversation.origin(repository, access) / "v2" / repository.path / "blobs"
        look = _request("HEAD", blobs / blob.digest)
        if (await self._conversation.ask(look, repository, access, well=_THERE_OR_NOT)).status == 200:
            return
        begin = _request("POST", blobs / "uploads" / "", data=b"")
        opened = await self._conversation.ask(begin, repository, access, well=_ACCEPTED)
        put = _request(
            "PUT",
            _target(begin, opened.headers.get("Location", ""), blob.digest),
            data=content,
            headers={"Content-Type": "application/octet-stream"},
            chosen_by=blobs.origin(),
        )
        await self._conversation.ask(put, repository, access, well=_CREATED)

    async def manifest(
        self, repository: Repository, reference: str, body: bytes, media_type: str, access: Access
    ) -> None:
        """Put a manifest behind a tag or its digest."""
        origin = await self._conversation.origin(repository, access)
        url = origin / "v2" / repository.path / "manifests" / reference
        put = _request("PUT", url, data=body, headers={"Content-Type": media_type})
        await self._conversation.ask(put, repository, access, well=_CREATED)


def _request(
    method: str,
    url: URL,
    *,
    data: bytes | None = None,
    headers: dict[str, str] | None = None,
    chosen_by: URL | None = None,
) -> Request:
    return Request(
        method=method,
        url=url,
        headers=headers or {},
        limit=_ANSWER_LIMIT,
        data=data,
        chosen_by=chosen_by,
        follow=method == "HEAD",
        cut=True,
    )


def _target(request: Request, location: str, digest: str) -> URL:
    """Return where an upload goes on: on the registry itself, whatever scheme it believes to have. Raises BadAnswer."""
    own = request.url
    try:
        target = own.join(URL(location, encoded=True))
        if not location or target.host != own.host or target.explicit_port not in {None, own.port}:
            raise errors.BadAnswer(
                f"{request}: the upload is to go on at another server, {errors.printable(location)!r}"
            )
    except ValueError as error:
        raise errors.BadAnswer(f"{request}: the upload is to go on at something that is no URL") from error
    state = f"{target.raw_query_string}&" if target.raw_query_string else ""
    return URL(f"{own.origin()}{target.raw_path}?{state}digest={digest}", encoded=True)
