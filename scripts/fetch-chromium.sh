#!/usr/bin/env bash
# A Chromium for the tests of the console. Nothing to do where one is on the PATH. It needs too many libraries to be
# unpacked beside the checkout as the other programs are: as root on a Debian it is installed, else this says what to
# install. test/support/browser.ts starts it.
set -euo pipefail

fail() {
  echo "fetch-chromium: $1" >&2
  echo 'fetch-chromium: install chromium, so that it is on the PATH' >&2
  exit 1
}

for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
command -v apt-get >/dev/null || fail 'there is no Chromium here, and no apt-get to install one'
[ "$(id -u)" -eq 0 ] || fail 'there is no Chromium here, and installing one takes root'

known() {
  [[ $(apt-cache policy chromium 2>/dev/null) =~ 'Candidate: '[0-9] ]]
}
# An image may come without package lists.
known || apt-get update -qq || true
known || fail 'apt-get knows no chromium'
# Without a font there would be no text to look at.
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core >/dev/null ||
  fail 'chromium could not be installed'
chromium --version >/dev/null || fail 'the installed chromium does not start'
