"""AWS CodeCommit over HTTPS: a user and a password made of a signature, good for a quarter of an hour. Pure.

Answers to AWS's own credential helper and to Flux's `aws` provider: Signature Version 4 over the made-up method `GIT`,
without a body's hash.
"""

import hashlib
import hmac
import re
from datetime import datetime

from gotk.cloud.errors import CloudError
from gotk.cloud.sigv4 import Keys, signing_key
from gotk.git.url import Url

_HOST = re.compile(r"git-codecommit(?:-fips)?\.([a-z0-9-]{1,64})\.amazonaws\.com(?:\.cn)?", re.ASCII)


def region(address: Url) -> str:
    """Return the region of a repository. Raises CloudError for an address that is not CodeCommit's."""
    found = _HOST.fullmatch(address.host)
    if address.scheme != "https" or found is None:
        raise CloudError(
            f"'{address.bare}' is no repository of AWS CodeCommit: "
            "provider 'aws' is for https://git-codecommit.<region>.amazonaws.com/v1/repos/<name>"
        )
    return found[1]


def moment(now: datetime) -> datetime:
    """Return what to sign a login for: the same for five minutes, so that one who has it is known again."""
    return now.replace(minute=now.minute - now.minute % 5, second=0, microsecond=0)


def login(address: Url, keys: Keys, now: datetime) -> tuple[str, str]:
    """Return the user and the password for a repository."""
    signed = now.strftime("%Y%m%dT%H%M%S")
    scope = f"{signed[:8]}/{region(address)}/codecommit/aws4_request"
    request = f"GIT\n{address.path}\n\nhost:{address.host}\n\nhost\n"
    text = "\n".join(("AWS4-HMAC-SHA256", signed, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = hmac.new(signing_key(keys.secret_key, scope), text.encode(), hashlib.sha256).hexdigest()
    user = f"{keys.access_key}%{keys.session_token}" if keys.session_token else keys.access_key
    return user, f"{signed}Z{signature}"
