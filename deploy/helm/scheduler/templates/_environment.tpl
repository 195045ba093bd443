{{/* A value of config as a string. Helm reads numbers as floating point, and would write 10000000 as 1e+07. */}}
{{- define "scheduler.text" -}}
{{ if kindIs "float64" . }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* The variables of config that a component reads. Argument: (list $ component). */}}
{{- define "scheduler.config" -}}
{{- $ofApi := "^(AUTH|ALLOWED_HOSTS|CORS_ORIGINS|INTERNAL_ACCESS|MAX_JOBS_|MIN_INTERVAL_|JWT_|RATE_LIMIT_)" -}}
{{- $ofWorker := "^(HEARTBEAT_URL)$" -}}
{{- $notMine := ternary $ofWorker $ofApi (eq (index . 1) "api") -}}
{{- range $name, $value := (index . 0).Values.config }}
{{- if not (regexMatch $notMine $name) }}
{{ $name }}: {{ include "scheduler.text" $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* A variable from a Secret. Argument: (list variable secret key). With "optional", the key may be missing. */}}
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

{{/* The variables that the migration shares with API and worker. */}}
{{- define "scheduler.commonEnv" -}}
{{- if .Values.database.caSecret }}
- name: DATABASE_CA_FILE
  value: /etc/scheduler/database-ca/ca.crt
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The Secrets and ConfigMaps that are mounted under /etc/scheduler, as JSON: { files: [{ name, secret or configMap }] }. Argument: (list $ component). */}}
{{- define "scheduler.files" -}}
{{- $ := index . 0 -}}
{{- $component := index . 1 -}}
{{- $files := list (dict "name" "database-ca" "secret" $.Values.database.caSecret) -}}
{{- if ne $component "migrate" -}}
{{- $files = append $files (dict "name" "temporal-ca" "secret" $.Values.temporal.tls.caSecret) -}}
{{- $files = append $files (dict "name" "temporal-tls" "secret" $.Values.temporal.tls.existingSecret) -}}
{{- end -}}
{{- if eq $component "worker" -}}
{{- $files = append $files (dict "name" "target-ca" "configMap" $.Values.worker.targetCaConfigMap) -}}
{{- end -}}
{{- if eq $component "api" -}}
{{- $files = append $files (dict "name" "api-tls" "secret" $.Values.api.tls.existingSecret) -}}
{{- $files = append $files (dict "name" "jwt" "configMap" $.Values.api.jwtPublicKeyConfigMap) -}}
{{- end -}}
{{- $given := list -}}
{{- range $files }}{{ if or .secret .configMap }}{{ $given = append $given . }}{{ end }}{{ end -}}
{{- dict "files" $given | toJson -}}
{{- end }}
