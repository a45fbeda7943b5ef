#!/usr/bin/env bash
# Build the real flux into .bin/, for the tests that speak with it (tests/conformance/flux.py).
#
# The module is pinned by version and hash, and its own go.sum pins the rest; Go checks all of them as for any module.
# It lacks the folder of manifests that a release embeds, so that `flux install` and `flux bootstrap` do not work in what
# is built here; everything else does. Exits with 75 where flux cannot be had: no Go, too old a one, or no network.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly module=github.com/fluxcd/flux2/v2 version=2.9.2
readonly hash=h1:tts1QHzJTdBBdXyId0l+qFSVKDhqjTxEuPN/6lgKOSk=
readonly program=$PWD/.bin/flux

cannot() {
  echo "flux cannot be had: $1" >&2
  exit 75
}

if [[ -x $program && "$("$program" --version)" == "flux version $version" ]]; then
  exit
fi
command -v go >/dev/null || cannot "there is no go on the path"

source="$(mktemp -d)"
trap 'rm -rf "$source"' EXIT
export GOFLAGS=-buildvcs=false CGO_ENABLED=0

# Outside any module of ours, whose requirements would choose other versions.
found="$(cd "$source" && go mod download -json "$module@v$version")" || cannot "$found"
field() { sed -n 's/^\t"'"$1"'": "\(.*\)",\{0,1\}$/\1/p' <<<"$found"; }
if [[ "$(field Sum)" != "$hash" ]]; then
  echo "flux: $module v$version has the hash $(field Sum), and not $hash" >&2
  exit 1
fi
cp -R "$(field Dir)/." "$source"
chmod -R u+w "$source"
mkdir -p "$source/cmd/flux/manifests" "$(dirname "$program")"
echo "# none" >"$source/cmd/flux/manifests/none.yaml"

(cd "$source" && go list -deps ./cmd/flux >/dev/null) || cannot "a module that it needs is missing"
echo "building flux $version, which takes some minutes the first time" >&2
(cd "$source" && go build -trimpath -gcflags=all=-dwarf=false -ldflags="-s -w -X main.VERSION=$version" -o "$program" ./cmd/flux)
"$program" --version >&2
