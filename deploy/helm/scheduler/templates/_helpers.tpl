{{/* Leaves room in the 63 characters of a name for the longest suffix, "-dashboards". */}}
{{- define "scheduler.fullname" -}}
{{- $name := .Release.Name }}
{{- if not (contains .Chart.Name $name) }}{{ $name = printf "%s-%s" $name .Chart.Name }}{{ end }}
{{- .Values.fullnameOverride | default $name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* The selector of a component's pods. It never changes, because a Deployment's selector cannot. Argument: (list $ component). */}}
{{- define "scheduler.selectorLabels" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ $.Chart.Name }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* The labels of an object. Argument: (list $ component). */}}
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

{{- define "scheduler.apiScheme" -}}
{{ ternary "HTTPS" "HTTP" (ne .Values.api.tls.existingSecret "") }}
{{- end }}

{{/* Where /docs, /openapi.json and /metrics are, as JSON: the Service, its port, and the name of the port. */}}
{{- define "scheduler.internal" -}}
{{- $name := .Values.api.service.name -}}
{{- if .Values.api.internalPort -}}
{{- dict "service" (printf "%s-internal" $name) "port" .Values.api.internalPort "portName" "internal" | toJson -}}
{{- else -}}
{{- dict "service" $name "port" 80 "portName" "http" | toJson -}}
{{- end -}}
{{- end }}

{{/* The port of a URL, or the default of its scheme. */}}
{{- define "scheduler.portOf" -}}
{{- $url := urlParse . -}}
{{ regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- end }}
