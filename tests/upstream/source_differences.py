"""What ours does otherwise on purpose in the table of GitRepositories, why, and in which facets it shows."""

from tests.upstream.automation_differences import Difference

_WORDS = frozenset({"conditions", "events", "kubernetes"})
_RUN = _WORDS | {"artifact", "archive", "digest and size", "status"}

CASES: dict[str, Difference] = {
    **{
        name: Difference("another library's words", _WORDS)
        for name in (
            *("address-of-a-bad-port", "address-of-no-repository", "address-refused", "address-that-is-silent"),
            *("login-missing", "login-wrong", "proxy-refused"),
        )
    },
    "login-mended": Difference("another library's words", _WORDS - {"conditions"}),
    "address-with-a-user": Difference("no message holds a password, which Flux writes out once", _WORDS),
    "github-with-half-an-app": Difference("the key that is missing is named", _WORDS),
    "github-without-an-app": Difference("it is said, where Flux goes on building for ever", _WORDS),
    "secret-missing": Difference("it is said once", _WORDS),
    "ssh-secret-of-a-bad-key": Difference("the secret is named, and refused before anything is dialled", _WORDS),
    "ssh-secret-of-a-locked-key": Difference("it begins as all that is wrong with a secret", _WORDS),
    "secret-of-a-bad-authority": Difference("a secret that cannot be meant is refused over http, too", _RUN),
    "secret-of-half-a-certificate": Difference("a secret that cannot be meant is refused over http, too", _RUN),
}
