"""Where things are found: the addresses of pages, and links of others that may be followed.

What an annotation or a label of an image names is somebody else's text. It becomes a link only where it is an address
over https with a host and no credentials; anything else is shown as the text that it is.
"""

from urllib.parse import quote, urlencode

from yarl import URL


def to(*steps: str, **query: str) -> str:
    """Return the address of a page from its steps, each of which may hold any text."""
    path = "/" + "/".join(quote(step, safe="") for step in steps)
    asked = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{asked}" if asked else path


def object(kind: str, namespace: str, name: str) -> str:  # noqa: A001 - `links.object` is what templates write
    """Return the address of the page about an object."""
    return to("objects", kind, namespace, name)


def file(namespace: str, automation: str, path: str) -> str:
    """Return the address of the page about a file of an automation's checkout."""
    return f"{to('files', namespace, automation)}/{quote(path)}"


def outward(text: str) -> str:
    """Return an address of others that may be linked to, or nothing."""
    if not text.isprintable() or len(text) > 2048:
        return ""
    try:
        url = URL(text)
    except ValueError:
        return ""
    return str(url) if url.scheme == "https" and url.host and url.user is None and url.password is None else ""


def local(text: str) -> str:
    """Return where to go on in this server, from what a form asks for; the front page for anything else."""
    good = text.startswith("/") and text.isprintable() and "\\" not in text and not text.startswith("//")
    return text if good else "/"
