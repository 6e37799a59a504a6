{{/* A strategic merge patch that puts Weir beside the Envoy of a pod. */}}
{{- define "weir.sidecarPatch" -}}
spec:
  template:
    metadata:
      labels: { weir.sidecar: {{ include "weir.fullname" . }} }
      annotations:
        # Of the config only this part is read at the start alone.
        checksum/server: {{ include "weir.server" . | sha256sum }}
    spec:
      automountServiceAccountToken: {{ .Values.serviceAccount.automountToken }}
      securityContext:
        # One group for both containers: whoever else connects to the socket is refused.
        fsGroup: 65532
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      initContainers:
        - {{ include "weir.container" . | indent 10 | trim }}
      containers:
        - name: {{ .Values.sidecar.envoyContainer }}
          # The socket is its user's alone.
          securityContext: { runAsUser: 65532, runAsGroup: 65532 }
          volumeMounts:
            - { name: weir-socket, mountPath: {{ dir .Values.sidecar.socket }} }
      volumes:
        {{- include "weir.volumes" . | nindent 8 }}
{{- end }}
