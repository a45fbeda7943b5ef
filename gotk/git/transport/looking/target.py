"""Whom a look asks: a repository, and who we are there. Two of them are the same where every secret is."""

from dataclasses import dataclass, field

from gotk.git import url as urls
from gotk.git.auth import Credentials


@dataclass(frozen=True, slots=True)
class Target:
    """A repository as one secret sees it, and the seconds that its answer may take."""

    address: urls.Url
    credentials: Credentials
    timeout: float = field(compare=False)
