{{/* Milliseconds that running exchanges have at the end: as configured, else those of the longest stream. */}}
{{- define "weir.drainMs" -}}
{{- $server := .Values.config.server | default dict -}}
{{- $longest := 0 -}}
{{- range .Values.config.policies -}}
{{- $longest = max $longest (get (.stream | default dict) "max_duration_ms" | default 600000) -}}
{{- end -}}
{{- hasKey $server "drain_ms" | ternary $server.drain_ms $longest | int64 -}}
{{- end }}

{{/* Names of which a proxy's certificate must bear one, as a list in JSON. */}}
{{- define "weir.clientSans" -}}
{{- $names := .Values.mtls.clientSans -}}
{{- range .Values.mtls.clients -}}
{{- $names = concat $names (.dnsNames | default list) (.uris | default list) -}}
{{- end -}}
{{- if not $names -}}
{{- fail "mtls: name who may connect, by mtls.clients or mtls.clientSans; else whoever has a certificate of this issuer could" -}}
{{- end -}}
{{- $names | uniq | toJson -}}
{{- end }}

{{/* `server` of the config, as JSON: with what the chart knows of it. */}}
{{- define "weir.server" -}}
{{- $server := deepCopy (.Values.config.server | default dict) -}}
{{- range list "listen" "admin" "tls" -}}
{{- if hasKey $server . -}}
{{- fail (printf "config.server.%s: the chart sets it; see service.port, adminPort, bindAddress, sidecar.socket and mtls" .) -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.form "shared" -}}
{{- if gt (int ($server.workers | default 1)) 1 -}}
{{- fail "config.server.workers: replicas are what carries more here; workers beside each other are for the sidecar" -}}
{{- end -}}
{{- $_ := set $server "drain_ms" (include "weir.drainMs" . | int64) -}}
{{- if .Values.mtls.enabled -}}
{{- $sans := include "weir.clientSans" . | fromJsonArray -}}
{{- $_ := set $server "tls" (dict "cert" "/run/tls/tls.crt" "key" "/run/tls/tls.key" "client_ca" "/run/tls/ca.crt" "client_sans" $sans) -}}
{{- end -}}
{{- else if .Values.mtls.enabled -}}
{{- fail "mtls: the sidecar is asked over a socket that no other pod reaches; leave mtls off" -}}
{{- end -}}
{{- $server | toJson -}}
{{- end }}

{{/* The whole config. As JSON, which is YAML: toYaml would write large numbers as 1.048576e+06. */}}
{{- define "weir.config" -}}
{{- $config := set (deepCopy .Values.config) "server" (include "weir.server" . | fromJson) -}}
{{- $config | toPrettyJson -}}
{{- end }}
