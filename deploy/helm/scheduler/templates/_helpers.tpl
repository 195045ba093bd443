{{/* Room is left in the 63 characters of a name for the longest ending, "-dashboards". */}}
{{- define "scheduler.fullname" -}}
{{- $name := .Release.Name }}
{{- if not (contains .Chart.Name $name) }}{{ $name = printf "%s-%s" $name .Chart.Name }}{{ end }}
{{- .Values.fullnameOverride | default $name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Of (list $ component): what selects its pods. Never changes, for a Deployment's selector can not. */}}
{{- define "scheduler.selectorLabels" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ $.Chart.Name }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Of (list $ component): the labels of an object. */}}
{{- define "scheduler.labels" -}}
{{- $ := index . 0 -}}
{{ include "scheduler.selectorLabels" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "scheduler.image" -}}
{{- with .Values.image -}}
{{- if eq .tag "latest" }}{{ fail "image.tag: latest means another image each day; name the version, or set image.digest" }}{{ end -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* A value of config as text. Helm reads numbers as floating point, and would write 10000000 as 1e+07. */}}
{{- define "scheduler.text" -}}
{{ if kindIs "float64" . }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* Of (list $ component): the variables of config that it reads. */}}
{{- define "scheduler.config" -}}
{{- $ofApi := "^(AUTH|ALLOWED_HOSTS|CORS_ORIGINS|INTERNAL_ACCESS|MAX_JOBS_|MIN_INTERVAL_|JWT_|RATE_LIMIT_)" -}}
{{- $ofWorker := "^HTTP_TARGET_ALLOW$" -}}
{{- $notMine := ternary $ofWorker $ofApi (eq (index . 1) "api") -}}
{{- range $name, $value := (index . 0).Values.config }}
{{- if not (regexMatch $notMine $name) }}
{{ $name }}: {{ include "scheduler.text" $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Of (list variable secret key): a variable out of a Secret. With "optional", the key may be missing. */}}
{{- define "scheduler.fromSecret" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 }}
      key: {{ index . 2 }}
      {{- if gt (len .) 3 }}
      optional: true
      {{- end }}
{{- end }}

{{- define "scheduler.secret" -}}
{{ required "secrets.existingSecret is required: the name of a Secret with DATABASE_URL (see the chart's README)" .Values.secrets.existingSecret }}
{{- end }}

{{- define "scheduler.temporalAddress" -}}
{{ required "temporal.address is required: host:port of Temporal's frontend, such as temporal-frontend.temporal:7233" .Values.temporal.address }}
{{- end }}

{{/* The variables that API and worker share. */}}
{{- define "scheduler.env" -}}
{{- $secret := include "scheduler.secret" . -}}
- name: HOST
  value: 0.0.0.0
{{ include "scheduler.fromSecret" (list "DATABASE_URL" $secret "DATABASE_URL") }}
{{ include "scheduler.fromSecret" (list "SECRET_KEYS" $secret "SECRET_KEYS" "optional") }}
{{- with .Values.temporal }}
- name: TEMPORAL_ADDRESS
  value: {{ include "scheduler.temporalAddress" $ | quote }}
- name: TEMPORAL_NAMESPACE
  value: {{ .namespace | quote }}
- name: TEMPORAL_TASK_QUEUE
  value: {{ .taskQueue | quote }}
{{- if .uiUrl }}
- name: TEMPORAL_UI_URL
  value: {{ .uiUrl | quote }}
{{- end }}
{{- if .tls.enabled }}
- name: TEMPORAL_TLS
  value: 'true'
{{- end }}
{{- if .tls.caSecret }}
- name: TEMPORAL_TLS_CA_FILE
  value: /etc/scheduler/temporal-ca/ca.crt
{{- end }}
{{- if .tls.existingSecret }}
- name: TEMPORAL_TLS_CERT_FILE
  value: /etc/scheduler/temporal-tls/tls.crt
- name: TEMPORAL_TLS_KEY_FILE
  value: /etc/scheduler/temporal-tls/tls.key
{{- end }}
{{- if .apiKey.existingSecret }}
{{ include "scheduler.fromSecret" (list "TEMPORAL_API_KEY" .apiKey.existingSecret .apiKey.key) }}
{{- end }}
{{- end }}
{{- with include "scheduler.commonEnv" . | trim }}
{{ . }}
{{- end }}
{{- end }}

{{/* The variables that the migration has as well. */}}
{{- define "scheduler.commonEnv" -}}
{{- if .Values.database.caSecret }}
- name: DATABASE_CA_FILE
  value: /etc/scheduler/database-ca/ca.crt
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Of (list $ component): which Secrets and ConfigMaps are mounted under /etc/scheduler, as JSON: { files: [{ name, secret or configMap }] } */}}
{{- define "scheduler.files" -}}
{{- $ := index . 0 -}}
{{- $component := index . 1 -}}
{{- $files := list (dict "name" "database-ca" "secret" $.Values.database.caSecret) -}}
{{- if ne $component "migrate" -}}
{{- $files = append $files (dict "name" "temporal-ca" "secret" $.Values.temporal.tls.caSecret) -}}
{{- $files = append $files (dict "name" "temporal-tls" "secret" $.Values.temporal.tls.existingSecret) -}}
{{- end -}}
{{- if eq $component "api" -}}
{{- $files = append $files (dict "name" "api-tls" "secret" $.Values.api.tls.existingSecret) -}}
{{- $files = append $files (dict "name" "jwt" "configMap" $.Values.api.jwtPublicKeyConfigMap) -}}
{{- end -}}
{{- $given := list -}}
{{- range $files }}{{ if or .secret .configMap }}{{ $given = append $given . }}{{ end }}{{ end -}}
{{- dict "files" $given | toJson -}}
{{- end }}

{{/* Of (list $ component) */}}
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

{{/* Of (list $ component). Nothing else need be writable: no part of the service writes files. */}}
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

{{/* What all pods have. Variables of Services are off: one named temporal would set TEMPORAL_PORT to an address. */}}
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

{{/* Of (list $ component): what stays up, and is therefore spread over zones and nodes. */}}
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
    # The pods of this revision alone, so that a rolling update ends well spread.
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- $labels | nindent 8 }}
  {{- end }}
# Processes end within 30 s of SIGTERM.
terminationGracePeriodSeconds: 40
{{- end }}

{{/* Of (list $ component): rolls the pods when their configuration changes. */}}
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

{{/* Of (list scheme port) */}}
{{- define "scheduler.probes" -}}
{{- $scheme := index . 0 -}}
{{- $port := index . 1 -}}
# A process waits a minute for its servers before it listens; it is not to be killed meanwhile.
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
# It gives Postgres and Temporal two seconds to answer.
readinessProbe:
  httpGet: { path: /readyz, port: {{ $port }}, scheme: {{ $scheme }} }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}

{{- define "scheduler.apiScheme" -}}
{{ ternary "HTTPS" "HTTP" (ne .Values.api.tls.existingSecret "") }}
{{- end }}

{{/* Where /docs, /openapi.json and /metrics are: JSON with the Service, its port, and the name of the port. */}}
{{- define "scheduler.internal" -}}
{{- $name := .Values.api.service.name -}}
{{- if .Values.api.internalPort -}}
{{- dict "service" (printf "%s-internal" $name) "port" .Values.api.internalPort "portName" "internal" | toJson -}}
{{- else -}}
{{- dict "service" $name "port" 80 "portName" "http" | toJson -}}
{{- end -}}
{{- end }}

{{/* Of (list what path): the page and its parts link to each other from the root of their host. */}}
{{- define "scheduler.requireRootForDocs" -}}
{{- if ne (index . 1) "/" }}
{{- fail (printf "%s.publishDocs must be false unless the path is /: the links of /docs begin at the root of the host" (index . 0)) }}
{{- end }}
{{- end }}

{{/* The port of a URL: its own, or that of its scheme. */}}
{{- define "scheduler.portOf" -}}
{{- $url := urlParse . -}}
{{ regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- end }}

{{/*
What kube-score is not to look for: tags that are never used twice need not be pulled each time (values of image), and
the image's user is 1000, which kube-score would have above 10000 lest it be somebody on the node.
*/}}
{{- define "scheduler.scoreExceptions" -}}
kube-score/ignore: container-image-pull-policy,container-security-context-user-group-id
{{- end }}
