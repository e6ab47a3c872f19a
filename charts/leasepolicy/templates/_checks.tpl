{{/* What the schema can't refuse; the Deployment asks for it. */}}
{{- define "leasepolicy.checks" -}}
{{- include "leasepolicy.checks.second" . -}}
{{- include "leasepolicy.checks.timing" . -}}
{{- end -}}

{{/* Helm would refuse it as well, by the names in the cluster, but would not say why there can't be two. */}}
{{- define "leasepolicy.checks.second" -}}
{{- $role := lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" (include "leasepolicy.installation" .) -}}
{{- $annotations := dig "metadata" "annotations" dict $role -}}
{{- $release := get $annotations "meta.helm.sh/release-name" -}}
{{- $namespace := get $annotations "meta.helm.sh/release-namespace" -}}
{{- if and $release (not (and (eq $release .Release.Name) (eq $namespace .Release.Namespace))) -}}
  {{- printf "this cluster has a LeasePolicy operator already, the release %s in namespace %s, and two would undo each other's admission policies: upgrade that one (helm upgrade %s -n %s), or uninstall it first" $release $namespace $release $namespace | fail -}}
{{- end -}}
{{- end -}}

{{/* As the operator would refuse it at its start. */}}
{{- define "leasepolicy.checks.timing" -}}
{{- with .Values.leaderElection.timing -}}
  {{- $duration := float64 .leaseDurationSeconds -}}
  {{- $deadline := float64 .renewDeadlineSeconds -}}
  {{- $retry := float64 .retryPeriodSeconds -}}
  {{- if not (gt $duration $deadline) -}}
    {{- printf "leaderElection.timing: leaseDurationSeconds (%v) must be above renewDeadlineSeconds (%v), or two could lead" $duration $deadline | fail -}}
  {{- end -}}
  {{- if not (gt $deadline (mulf 1.2 $retry)) -}}
    {{- printf "leaderElection.timing: renewDeadlineSeconds (%v) must be above 1.2 times retryPeriodSeconds (%v), or a leader has no second attempt" $deadline $retry | fail -}}
  {{- end -}}
{{- end -}}
{{- end -}}
