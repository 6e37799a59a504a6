#!/usr/bin/env bash
# A toxiproxy-server for the tests of lost and slow connections, in .venv/go/: built by the Go that is here, from the
# Go module of this version. Nothing to do where one is on the PATH. test/support/toxiproxy.ts starts what this leaves.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VERSION=v2.12.0
FOLDER=.venv/go

fail() {
  echo "fetch-toxiproxy: $1" >&2
  exit 1
}

if command -v toxiproxy-server >/dev/null; then exit 0; fi
command -v go >/dev/null || fail 'there is no go here: install Go 1.26 or newer, or toxiproxy-server itself'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# No other toolchain than the one that is here, and nothing of a go.work or of flags around this checkout.
GOBIN="$work" GOFLAGS='' GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0 \
  go install -trimpath "github.com/Shopify/toxiproxy/v2/cmd/server@$VERSION" ||
  fail "toxiproxy $VERSION could not be built"

mkdir -p "$FOLDER"
mv "$work/server" "$FOLDER/toxiproxy-server"
