{{/* The operator's settings as variables; one that is null is left to the operator. */}}
{{- define "leasepolicy.settings" -}}
{{- $settings := dict
  "LEADER_ELECTION" .Values.leaderElection.way
  "LEASE_DURATION_SECONDS" .Values.leaderElection.timing.leaseDurationSeconds
  "RENEW_DEADLINE_SECONDS" .Values.leaderElection.timing.renewDeadlineSeconds
  "RETRY_PERIOD_SECONDS" .Values.leaderElection.timing.retryPeriodSeconds
  "LOG_LEVEL" .Values.log.level
  "LOG_FORMAT" .Values.log.format
  "WORKERS" .Values.workers
  "HEARTBEAT_POLL_SECONDS" .Values.heartbeatPollSeconds
  "CATALOGUE" (.Values.catalogue | empty | ternary nil "/etc/leasepolicy/catalogue.yaml")
-}}
{{- range $name, $value := $settings -}}
{{- if not (kindIs "invalid" $value) }}
- name: LEASEPOLICY_{{ $name }}
  value: {{ $value | quote }}
{{- end -}}
{{- end -}}
{{- end -}}
