{{/*
Names. What is in the namespace is named after the release. What is not has a fixed name, as the cluster has room for one
operator: two would undo each other's admission policies. So the API server itself keeps a second release out.
*/}}
{{- define "leasepolicy.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* 53 at most, and without dots: what hangs on it must be a DNS label. */}}
{{- define "leasepolicy.fullname" -}}
{{- $name := include "leasepolicy.name" . -}}
{{- $name := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) | replace "." "-" -}}
{{- .Values.fullnameOverride | default $name | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{/* The ClusterRole that everything that is enforced goes with. */}}
{{- define "leasepolicy.installation" -}}
leasepolicy-operator
{{- end -}}

{{- define "leasepolicy.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "leasepolicy.fullname" .) -}}
{{- end -}}

{{- define "leasepolicy.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* By these labels Pods are found, so they never change. */}}
{{- define "leasepolicy.selectorLabels" -}}
app.kubernetes.io/name: {{ include "leasepolicy.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "leasepolicy.labels" -}}
{{ include "leasepolicy.selectorLabels" . }}
app.kubernetes.io/part-of: leasepolicy
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The subjects of every binding. */}}
{{- define "leasepolicy.subjects" -}}
- kind: ServiceAccount
  name: {{ include "leasepolicy.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
