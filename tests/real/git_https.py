"""Git over HTTPS from nginx and `git http-backend`: a private authority, a password, a token, client certificates.

with git_https.serve(tmp_path) as server:
    server.create("fleet.git")          # a bare repository in server.root
    server.url("fleet.git")             # https://127.0.0.1:<port>/fleet.git
    server.secret                       # {"username": ..., "password": ..., "ca.crt": ...}
    server.bearer_secret                # {"bearerToken": ..., "ca.crt": ...}

with git_https.serve(tmp_path, mutual=True) as server:
    server.client_secret                # {"tls.crt": ..., "tls.key": ..., "ca.crt": ...}: nobody gets in without
"""

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pygit2

from tests.real import authority, child

USERNAME, PASSWORD, TOKEN = "git-user", "s3cret:päss", "token-4711"


@dataclass(frozen=True)
class Server:
    """A running server; repositories are the bare ones below `root`."""

    port: int
    root: Path
    authority: authority.Authority

    @property
    def ca(self) -> str:
        """The authority's certificate."""
        return self.authority.pem

    def create(self, name: str) -> Path:
        """Make an empty bare repository whose default branch is main."""
        path = self.root / name
        pygit2.init_repository(str(path), bare=True, initial_head="main")
        return path

    def url(self, name: str) -> str:
        """The address of a repository."""
        return f"https://127.0.0.1:{self.port}/{name}"

    @property
    def secret(self) -> dict[str, bytes]:
        """The data of a secret with user name and password."""
        return {"username": USERNAME.encode(), "password": PASSWORD.encode(), "ca.crt": self.ca.encode()}

    @property
    def bearer_secret(self) -> dict[str, bytes]:
        """The data of a secret with a bearer token."""
        return {"bearerToken": TOKEN.encode(), "ca.crt": self.ca.encode()}

    @property
    def client_secret(self) -> dict[str, bytes]:
        """The data of a secret with a new client certificate."""
        return {**self.authority.client(), "ca.crt": self.ca.encode()}


@contextmanager
def serve(directory: Path, *, mutual: bool = False, anonymous: bool = False) -> Iterator[Server]:
    """Serve the bare repositories below `directory/repositories`; `mutual` asks for a client certificate only.

    `anonymous` lets everybody in. What lies in `directory/git-https/files` is served below `/files/`.
    """
    nginx, fcgiwrap, backend = child.program("nginx"), child.program("fcgiwrap"), child.program("git-http-backend")
    home = directory / "git-https"
    root, socket = directory / "repositories", home / "fcgi.sock"
    root.mkdir(parents=True, exist_ok=True)
    signed = authority.make(home)
    port = child.free_port()
    configuration = home / "nginx.conf"
    text = _configuration(home, root, socket, backend, port, signed, mutual=mutual, anonymous=anonymous)
    configuration.write_text(text)
    log = home / "log"
    with (
        child.running([fcgiwrap, "-c", "4", "-s", f"unix:{socket}"], log=log, path=socket),
        child.running([nginx, "-c", str(configuration), "-p", str(home), "-e", str(log)], log=log, port=port),
    ):
        yield Server(port, root, signed)


def _configuration(
    home: Path,
    root: Path,
    socket: Path,
    backend: str,
    port: int,
    signed: authority.Authority,
    *,
    mutual: bool,
    anonymous: bool,
) -> str:
    ca = home / "ca.pem"
    ca.write_text(signed.pem)
    asked = f"ssl_client_certificate {ca}; ssl_verify_client on;" if mutual else ""
    basic = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    scratch = "\n".join(
        f"  {module}_temp_path {home}/{module};" for module in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
{"user root;" if os.geteuid() == 0 else ""}
daemon off;
pid {home}/nginx.pid;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
{scratch}
  access_log off;
  map $http_authorization $known {{
    default {int(mutual or anonymous)};
    "Basic {basic}" 1;
    "Bearer {TOKEN}" 1;
  }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {signed.certificate};
    ssl_certificate_key {signed.key};
    {asked}
    client_max_body_size 0;
    error_page 401 @who;
    location @who {{
      add_header WWW-Authenticate 'Basic realm="git"' always;
      return 401;
    }}
    location /files/ {{ root {home}; }}
    location / {{
      if ($known = 0) {{ return 401; }}
      fastcgi_pass unix:{socket};
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
      fastcgi_param HOME {home};
      fastcgi_param REMOTE_USER {USERNAME};
      fastcgi_param PATH_INFO $uri;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
    }}
  }}
}}
"""
