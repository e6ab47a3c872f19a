{{/*
When the system policies come: "now", or "later" in a cluster that does not serve their kind yet, or empty. Helm looks up
every kind before it makes the first object, so a release can't bring a kind and an object of it at once. Without a
cluster, as in helm template, whoever applies them cares for the order.
*/}}
{{- define "leasepolicy.systemPolicies" -}}
{{- if .Values.systemPolicies.enabled -}}
{{- $isServed := .Capabilities.APIVersions.Has "leasepolicy.dev/v1alpha1" -}}
{{- $isOffline := empty (lookup "v1" "Namespace" "" "kube-system") -}}
{{- or $isServed $isOffline | ternary "now" "later" -}}
{{- end -}}
{{- end -}}
