{{/* Weir's container; `restartPolicy: Always` makes it a native sidecar. */}}
{{- define "weir.container" -}}
{{- $sidecar := eq .Values.form "sidecar" -}}
name: weir
image: {{ include "weir.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- if $sidecar }}
restartPolicy: Always
{{- end }}
args:
  - serve
  - --config
  - /etc/weir/weir.yaml
  - --listen
  - {{ $sidecar | ternary (printf "unix://%s" .Values.sidecar.socket) (printf "%s:%d" .Values.bindAddress (int .Values.service.port)) | quote }}
  # The kubelet asks the pod's own address.
  - --admin
  - {{ printf "%s:%d" .Values.bindAddress (int .Values.adminPort) | quote }}
env:
  - name: NODE_OPTIONS
    value: --max-old-space-size-percentage={{ divf .Values.heapPercent (dig "server" "workers" 1 .Values.config) }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- if not $sidecar }}
  - { name: grpc, containerPort: {{ .Values.service.port }} }
  {{- end }}
  - { name: weir-admin, containerPort: {{ .Values.adminPort }} }
startupProbe:
  httpGet: { path: /readyz, port: weir-admin }
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  httpGet: { path: /readyz, port: weir-admin }
  periodSeconds: 5
livenessProbe:
  httpGet: { path: /healthz, port: weir-admin }
  periodSeconds: 10
  failureThreshold: 6
{{- if and (not $sidecar) .Values.preStopSeconds }}
lifecycle:
  preStop:
    # New exchanges still come while proxies have not heard that it is out of the endpoints.
    sleep: { seconds: {{ .Values.preStopSeconds }} }
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: { drop: [ALL] }
  seccompProfile: { type: RuntimeDefault }
volumeMounts:
  # A folder, not a file of it: only so does a change arrive.
  - { name: weir-config, mountPath: /etc/weir, readOnly: true }
  {{- if .Values.secretName }}
  - { name: weir-secrets, mountPath: /run/secrets/weir, readOnly: true }
  {{- end }}
  {{- if .Values.mtls.enabled }}
  - { name: weir-tls, mountPath: /run/tls, readOnly: true }
  {{- end }}
  {{- if $sidecar }}
  - { name: weir-socket, mountPath: {{ dir .Values.sidecar.socket }} }
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "weir.volumes" -}}
- name: weir-config
  configMap: { name: {{ include "weir.fullname" . }} }
{{- if .Values.secretName }}
- name: weir-secrets
  secret: { secretName: {{ .Values.secretName }}, defaultMode: 288 } # 0440
{{- end }}
{{- if .Values.mtls.enabled }}
- name: weir-tls
  secret: { secretName: {{ include "weir.tlsSecret" . }}, defaultMode: 288 } # 0440
{{- end }}
{{- if eq .Values.form "sidecar" }}
- name: weir-socket
  emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
