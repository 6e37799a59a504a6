// Istio's own word on the manifests in deploy/istio. scripts/validate-mesh.sh builds it from the Go module of Istio.
//
//	istio-xds validate FILE...             exit 1, with every problem and warning, when Istio would complain
//	istio-xds translate PROXY FILE...      prints the xDS that istiod would send, as JSON; the files may hold Gateway
//	                                       API and Kubernetes objects too
//
// PROXY is type/name/namespace/ip: router/llm/istio-ingress/10.0.0.1; the type is sidecar, router or waypoint. A sidecar
// has the label app=name, the others belong to the Gateway of that name.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
)

// The warning that Istio has for each of its kind.
const everyEnvoyFilter = "EnvoyFilter exposes internal implementation details"

func main() {
	options := log.DefaultOptions()
	options.SetDefaultOutputLevel("all", log.NoneLevel)
	if err := log.Configure(options); err != nil {
		fail("%v", err)
	}
	if len(os.Args) > 2 && os.Args[1] == "validate" {
		validate(os.Args[2:])
		return
	}
	if len(os.Args) > 3 && os.Args[1] == "translate" {
		translate(os.Args[2], os.Args[3:])
		return
	}
	fail("usage: istio-xds validate FILE... | istio-xds translate TYPE/NAME/NAMESPACE/IP FILE...")
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "istio-xds: "+format+"\n", args...)
	os.Exit(1)
}

func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		fail("%v", err)
	}
	return string(text)
}

func validate(paths []string) {
	problems, checked := 0, 0
	for _, path := range paths {
		configs, _, err := crd.ParseInputs(read(path))
		if err != nil {
			fail("%s: %v", path, err)
		}
		for _, one := range configs {
			schema, known := collections.Pilot.FindByGroupVersionKind(one.GroupVersionKind)
			if !known {
				fail("%s: Istio knows no %s", path, one.GroupVersionKind)
			}
			checked++
			warning, err := schema.ValidateConfig(one)
			for _, problem := range []error{warning, err} {
				if problem == nil || strings.HasPrefix(problem.Error(), everyEnvoyFilter) {
					continue
				}
				problems++
				fmt.Fprintf(os.Stderr, "%s: %s %s: %v\n", path, one.GroupVersionKind.Kind, one.Name, problem)
			}
		}
	}
	if problems > 0 {
		os.Exit(1)
	}
	// Not one object known would pass for valid otherwise.
	if checked == 0 {
		fail("none of %s holds an object of Istio's", strings.Join(paths, ", "))
	}
	fmt.Printf("istio: %d objects are valid\n", checked)
}

func proxyOf(text string) *model.Proxy {
	parts := strings.Split(text, "/")
	if len(parts) != 4 {
		fail("not TYPE/NAME/NAMESPACE/IP: %s", text)
	}
	labels := map[string]string{"gateway.networking.k8s.io/gateway-name": parts[1]}
	kind := model.NodeType(parts[0])
	switch kind {
	case model.SidecarProxy:
		labels = map[string]string{"app": parts[1]}
	case model.Waypoint:
		labels["gateway.istio.io/managed"] = "istio.io-mesh-controller"
	case model.Router:
	default:
		fail("no type of proxy: %s", parts[0])
	}
	return &model.Proxy{
		Type:            kind,
		ConfigNamespace: parts[2],
		Labels:          labels,
		Metadata:        &model.NodeMetadata{Labels: labels, Namespace: parts[2], IstioVersion: "1.31.0"},
		IPAddresses:     []string{parts[3]},
	}
}

func translate(proxyText string, paths []string) {
	texts := make([]string, len(paths))
	for i, path := range paths {
		texts[i] = read(path)
	}
	all := strings.Join(texts, "\n---\n")
	wanted := proxyOf(proxyText)
	out := map[string][]json.RawMessage{}
	err := test.Wrap(func(t test.Failer) {
		server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{ConfigString: all, KubernetesObjectString: all})
		proxy := server.SetupProxy(wanted)
		out["listeners"] = rendered(server.Listeners(proxy))
		out["clusters"] = rendered(server.Clusters(proxy))
		out["routes"] = rendered(server.Routes(proxy))
	})
	if err != nil {
		fail("%v", err)
	}
	// One form for the same content: protojson's own spacing is not stable.
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(out); err != nil {
		fail("%v", err)
	}
}

func rendered[T proto.Message](messages []T) []json.RawMessage {
	out := make([]json.RawMessage, len(messages))
	for i, message := range messages {
		text, err := protojson.Marshal(message)
		if err != nil {
			fail("%v", err)
		}
		out[i] = text
	}
	return out
}
