#!/usr/bin/env bash
# The libfaketime for the tests in which the wall clock jumps, in .venv/faketime/: the one that is installed, else
# Debian's package, unpacked and not installed, so that it takes no root and leaves the machine as it was.
# test/support/wall-clock.ts preloads what this leaves.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

FOLDER=.venv/faketime
# For programs of several threads, as Node is.
LIBRARY=libfaketimeMT.so.1

fail() {
  echo "fetch-faketime: $1" >&2
  echo 'fetch-faketime: install libfaketime' >&2
  exit 1
}

# Below a folder: where distributions put it differs.
library_in() {
  find "$@" -name "$LIBRARY" -print -quit 2>/dev/null
}

keep() {
  mkdir -p "$FOLDER"
  cp -L "$1" "$FOLDER/$LIBRARY.new"
  mv "$FOLDER/$LIBRARY.new" "$FOLDER/$LIBRARY"
}

installed=$(library_in /usr/lib/faketime /usr/lib/*/faketime /usr/lib64/faketime /usr/local/lib/faketime || true)
if [ -n "$installed" ]; then
  keep "$installed"
  exit 0
fi
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail 'this is no Debian: there is no apt-get here'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
known() {
  [[ $(apt-cache policy libfaketime 2>/dev/null) =~ 'Candidate: '[0-9] ]]
}
# An image may come without package lists; bringing them takes root.
known || { [ "$(id -u)" -eq 0 ] && apt-get update -qq; } || true
known || fail 'apt-get knows no libfaketime (as root: apt-get update)'
# As root apt-get would hand the download to a user who may not write here.
(cd "$work" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download libfaketime) ||
  fail 'the package could not be downloaded'
dpkg-deb -x "$work"/*.deb "$work/tree"
fetched=$(library_in "$work/tree")
[ -n "$fetched" ] || fail "the package holds no $LIBRARY"
keep "$fetched"
