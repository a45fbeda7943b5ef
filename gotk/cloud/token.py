"""A cloud's access token, with its end; and those that the cluster puts into files for us."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gotk.cloud.errors import CloudError


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A bearer token. Never shown."""

    value: str = field(repr=False)
    expires: datetime


def read(file: str) -> str:
    """Read a token that is renewed in a file. Raises CloudError."""
    try:
        return Path(file).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CloudError(f"cannot read the token in {file}: {type(error).__name__}") from None
