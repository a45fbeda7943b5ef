"""The `Link` header of a paginated list: where the next page is. No input or output.

Answers to RFC 8288 as the distribution specification uses it. Real registries send the target relative, absolute, as a
bare query; behind a proxy with a scheme or port that is not theirs; and with a path that is only valid inside (Nexus
behind a connector's port, Artifactory without the repository's key). The next page of a list is the same list, so only
the query is taken and asked where we asked before. A target on another host is refused, never followed.
"""

import re

from yarl import URL

from gotk.http import errors

_LIMIT = 8192
_LINK = re.compile(r"[\s,;]*<([^<>]*)>((?:\s*;\s*[^;,=<>\s]+(?:\s*=\s*(?:\"[^\"]*\"|[^;,<>\"]*))?)*)[\s;,]*", re.ASCII)
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^;,\s]*))", re.ASCII | re.IGNORECASE)


def next_page(current: URL, header: str | None) -> URL | None:
    """Return the next page's URL on the origin of the current one, or None after the last page.

    A link without a relation is the next page's, as go-containerregistry has it. Raises BadAnswer where the link leads
    to another host, or where the header cannot be read: there may be more.
    """
    target = _target(header or "")
    if target is None:
        return None
    try:
        # Percent signs are kept as sent: a registry's cursor is its own business.
        link = current.join(URL(target.strip(), encoded=True))
        away = link.host != current.host or link.user is not None or link.scheme not in {"http", "https"}
    except ValueError as error:  # also raised late: host and port are read when they are asked for
        raise errors.BadAnswer("the link to the next page is no URL") from error
    if away:
        raise errors.BadAnswer(
            f"the link to the next page leads away from {current.host}: {errors.printable(str(link))}"
        )
    # Put together, not joined: joined, a path that begins with two slashes would be another host.
    return URL.build(
        scheme=current.scheme,
        authority=current.raw_authority,
        path=current.raw_path,
        query_string=link.raw_query_string,
        encoded=True,
    )


def _target(header: str) -> str | None:
    """Return where the next page is said to be: by the first link that says so, else by the first that says nothing."""
    unnamed: str | None = None
    position = 0
    while position < len(header):
        found = _LINK.match(header, position, _LIMIT)
        if found is None:
            if not header[position:].strip(" \t,;"):
                break
            raise errors.BadAnswer(f"the link to the next page cannot be read: {errors.printable(header)!r}")
        relation = _RELATION.search(found[2])
        if relation is None:
            unnamed = found[1] if unnamed is None else unnamed
        elif "next" in (relation[1] or relation[2] or relation[3] or "").lower().split():
            return found[1]
        position = found.end()
    return unnamed
