module weir/istio-xds

go 1.26.0

// Istio 1.31, as the module of istiod itself: istioctl cannot be built as one.
require istio.io/istio v0.0.0-20260827124520-eed52ebb66ad

// The released ones of what that commit asks for as a pre-release.
require (
	github.com/envoyproxy/go-control-plane/contrib v1.36.1-0.20260729145720-a2d8c7492908
	github.com/envoyproxy/go-control-plane/envoy v1.37.1-0.20260729145720-a2d8c7492908
	istio.io/api v1.31.1
	istio.io/client-go v1.31.1
)
