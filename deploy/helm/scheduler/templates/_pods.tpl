{{/* Argument: (list $ component). */}}
{{- define "scheduler.volumes" -}}
{{- with (include "scheduler.files" . | fromJson).files }}
volumes:
  {{- range . }}
  - name: {{ .name }}
    {{- if .secret }}
    secret:
      secretName: {{ .secret }}
    {{- else }}
    configMap:
      name: {{ .configMap }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The service writes no files, so nothing else is writable. Argument: (list $ component). */}}
{{- define "scheduler.container" -}}
{{- $ := index . 0 -}}
image: {{ include "scheduler.image" $ | quote }}
imagePullPolicy: {{ $.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- with (include "scheduler.files" . | fromJson).files }}
volumeMounts:
  {{- range . }}
  - name: {{ .name }}
    mountPath: /etc/scheduler/{{ .name }}
    readOnly: true
  {{- end }}
{{- end }}
{{- end }}

{{/* What all pods share. Service variables are off: a Service named temporal would set TEMPORAL_PORT to an address. */}}
{{- define "scheduler.pod" -}}
enableServiceLinks: false
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Pods of a Deployment, spread over zones and nodes. Argument: (list $ component). */}}
{{- define "scheduler.servingPod" -}}
{{- $ := index . 0 -}}
{{- $labels := include "scheduler.selectorLabels" . -}}
serviceAccountName: {{ include "scheduler.fullname" $ }}
{{ include "scheduler.pod" $ }}
{{- with $.Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    # Only the pods of this revision, so that a rolling update ends well spread.
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- $labels | nindent 8 }}
  {{- end }}
# Processes exit within 30 s of SIGTERM.
terminationGracePeriodSeconds: 40
{{- end }}

{{/* Restarts the pods when their configuration changes. Argument: (list $ component). */}}
{{- define "scheduler.podMetadata" -}}
{{- $ := index . 0 -}}
annotations:
  checksum/config: {{ include "scheduler.config" . | sha256sum }}
  {{- with $.Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
labels:
  {{- include "scheduler.selectorLabels" . | nindent 2 }}
  {{- with $.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Argument: (list scheme port). */}}
{{- define "scheduler.probes" -}}
{{- $scheme := index . 0 -}}
{{- $port := index . 1 -}}
# A process waits up to a minute for its servers before it listens, and must not be killed meanwhile.
startupProbe:
  httpGet: { path: /livez, port: {{ $port }}, scheme: {{ $scheme }} }
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /livez, port: {{ $port }}, scheme: {{ $scheme }} }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
# Postgres and Temporal have two seconds to respond.
readinessProbe:
  httpGet: { path: /readyz, port: {{ $port }}, scheme: {{ $scheme }} }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}

{{/*
What kube-score is not to look for: tags that are never used twice need not be pulled each time (values of image), and
the image's user is 1000, which kube-score would have above 10000 lest it be somebody on the node.
*/}}
{{- define "scheduler.scoreExceptions" -}}
kube-score/ignore: container-image-pull-policy,container-security-context-user-group-id
{{- end }}
