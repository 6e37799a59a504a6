#!/usr/bin/env bash
# What `make validate-mesh` asks about deploy/: egctl (Envoy Gateway's own translation), istio-xds (Istio's, from
# scripts/istio-xds), kubectl-validate (CRDs with their CEL rules) in .venv/go/, and the CRDs in .venv/mesh-crds/. Built
# by the Go that is here, from Go modules of these versions; some ten minutes each on two cores. What is there already is
# left as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

EGCTL=v1.9.1
KUBECTL_VALIDATE=v0.0.4
KGATEWAY=v2.2.0
BINARIES=$PWD/.venv/go
CRDS=$PWD/.venv/mesh-crds

fail() {
  echo "fetch-mesh-tools: $1" >&2
  exit 1
}

command -v go >/dev/null || fail 'there is no go here: install Go 1.26 or newer'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# No other toolchain than the one that is here, and nothing of a go.work or of flags around this checkout.
export GOFLAGS='' GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0
mkdir -p "$BINARIES" "$CRDS"

# A name carries its version, so that another version is another file.
install_go() { # name, package@version
  local file="$BINARIES/$1"
  [ -x "$file" ] && return
  echo "fetch-mesh-tools: building $1, which takes minutes" >&2
  GOBIN="$work" go install -trimpath "$2" || fail "$1 could not be built"
  mv "$work/$(basename "${2%@*}")" "$file"
}

module_folder() { # module@version
  go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}

copy_crds() { # module@version, globs of files inside it
  local folder
  folder=$(module_folder "$1")
  [ -n "$folder" ] || fail "$1 could not be fetched"
  (cd "$folder" && install -m 644 ${*:2} "$CRDS")
}

install_go "egctl-$EGCTL" "github.com/envoyproxy/gateway/cmd/egctl@$EGCTL"
install_go "kubectl-validate-$KUBECTL_VALIDATE" "sigs.k8s.io/kubectl-validate@$KUBECTL_VALIDATE"

istio=$(cat scripts/istio-xds/* | cksum | cut -d ' ' -f 1)
if [ ! -x "$BINARIES/istio-xds-$istio" ]; then
  echo 'fetch-mesh-tools: building istio-xds, which takes minutes' >&2
  cp -r scripts/istio-xds "$work"
  # The checksum database vouches for what go.mod leads to.
  (cd "$work/istio-xds" && GOFLAGS=-mod=mod go build -trimpath -o "$BINARIES/istio-xds-$istio" .) ||
    fail 'istio-xds could not be built'
fi

ln -sf "egctl-$EGCTL" "$BINARIES/egctl"
ln -sf "kubectl-validate-$KUBECTL_VALIDATE" "$BINARIES/kubectl-validate"
ln -sf "istio-xds-$istio" "$BINARIES/istio-xds"

charts=charts/gateway-helm/charts/crds/crds
copy_crds "github.com/envoyproxy/gateway@$EGCTL" "$charts/*.yaml" "$charts/generated/*.yaml"
copy_crds "github.com/kgateway-dev/kgateway/v2@$KGATEWAY" 'install/helm/*-crds/templates/*.yaml'
copy_crds "istio.io/istio@$(sed -n 's/^require istio.io\/istio //p' scripts/istio-xds/go.mod)" \
  manifests/charts/base/files/crd-all.gen.yaml
