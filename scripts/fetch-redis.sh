#!/usr/bin/env bash
# A redis-server for the tests of the verdict cache, in .venv/debian/: Debian's packages, unpacked and not installed,
# so that it takes no root and leaves the machine as it was. Nothing to do where redis-server or valkey-server is on
# the PATH. test/support/redis-server.ts starts what this leaves.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TREE=.venv/debian
# What redis-server links against beside what every Debian has; which of them a release needs differs.
LIBRARIES=(libatomic1 libhiredis0.14 libhiredis1.1.0 libjemalloc2 liblua5.1-0 liblzf1)

fail() {
  echo "fetch-redis: $1" >&2
  echo 'fetch-redis: install redis-server or valkey-server, so that it is on the PATH' >&2
  exit 1
}

if command -v redis-server >/dev/null || command -v valkey-server >/dev/null; then exit 0; fi
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail 'this is no Debian: there is no apt-get here'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# Packages of no use here are not fetched: a name that this release does not have has no candidate.
known() {
  [[ $(apt-cache policy "$1" 2>/dev/null) =~ 'Candidate: '[0-9] ]]
}
# An image may come without package lists; bringing them takes root.
known redis-server || { [ "$(id -u)" -eq 0 ] && apt-get update -qq; } || true
known redis-server || fail 'apt-get knows no redis-server (as root: apt-get update)'

# redis-tools holds the server's program; redis-server only the service around it.
packages=(redis-tools)
for library in "${LIBRARIES[@]}"; do
  if known "$library"; then packages+=("$library"); fi
done
# As root apt-get would hand the download to a user who may not write here.
apt-get -qq -o APT::Sandbox::User="$(id -un)" download "${packages[@]}" ||
  fail 'the packages could not be downloaded'

mkdir tree
for package in ./*.deb; do dpkg-deb -x "$package" tree; done
# The program looks at its name: as redis-server it is the server.
[ -e tree/usr/bin/redis-server ] || ln -s redis-check-rdb tree/usr/bin/redis-server

# Finds its libraries wherever the checkout is moved to.
cat >tree/redis-server <<'WRAPPER'
#!/bin/sh
tree=$(cd "$(dirname "$0")" && pwd)
for folder in "$tree"/usr/lib/*-linux-gnu* "$tree"/lib/*-linux-gnu*; do
  [ -d "$folder" ] && LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "$tree/usr/bin/redis-server" "$@"
WRAPPER
chmod +x tree/redis-server
tree/redis-server --version >/dev/null || fail 'the unpacked redis-server does not start'

cd - >/dev/null
mkdir -p .venv
rm -rf "$TREE"
mv "$work/tree" "$TREE"
