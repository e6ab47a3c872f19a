{{/*
The name that a LeasePolicy gives the Lease of a workload:

  {{ include "leasepolicy.leaseName" (dict "prefix" "payments" "name" "api") }}    payments-14c2529eb4

What it takes are the fields of the policy's spec.naming, with the same defaults, and those of the workload:

  prefix, template, hash      as the policy has them; only prefix has no default
  name                        of the workload
  kind, namespace, labels     of the workload, where the template or hash.of names them

With the policy's naming in the values of a chart:

  {{ include "leasepolicy.leaseName" (merge (dict "name" "api" "namespace" .Release.Namespace) .Values.naming) }}

Depend on the library chart leasepolicy-naming, or copy this file: it needs nothing else.
*/}}
{{- define "leasepolicy.leaseName" -}}
{{- $hash := .hash | default dict -}}
{{- include "leasepolicy.leaseName.known" (list . "prefix" "template" "hash" "name" "kind" "namespace" "labels") -}}
{{- include "leasepolicy.leaseName.known" (list $hash "of" "algorithm" "encoding" "length") -}}
{{- $template := .template | default "{prefix}-{hash}" -}}
{{- $name := $template -}}
{{- range $variable := regexFindAll "\\{[^}]+\\}" $template -1 | uniq -}}
  {{- $part := trimPrefix "{" $variable | trimSuffix "}" -}}
  {{- $value := "" -}}
  {{- if eq $part "hash" -}}
    {{- $value = include "leasepolicy.leaseName.hash" (dict "subject" $ "hash" $hash) -}}
  {{- else -}}
    {{- $value = include "leasepolicy.leaseName.part" (dict "subject" $ "part" $part) -}}
    {{- if eq $part "kind" -}}{{- $value = lower $value -}}{{- end -}}
  {{- end -}}
  {{- $name = replace $variable $value $name -}}
{{- end -}}
{{- if gt (len $name) 253 -}}
  {{- printf "leasepolicy.leaseName: the name of the Lease would have %d characters and 253 are allowed: use {hash}" (len $name) | fail -}}
{{- end -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" $name) -}}
  {{- printf "leasepolicy.leaseName: %q is no valid name of a Lease" $name | fail -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* Refuses a key that is none of these: it may be one of them with a slip of the pen. */}}
{{- define "leasepolicy.leaseName.known" -}}
{{- range $key := keys (first .) | sortAlpha -}}
  {{- if not (has $key (rest $)) -}}
    {{- printf "leasepolicy.leaseName: there is no %s; write %s" $key (rest $ | join ", ") | fail -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* One part of the subject as it is written. */}}
{{- define "leasepolicy.leaseName.part" -}}
{{- $value := "" -}}
{{- if hasPrefix "label:" .part -}}
  {{- $value = get (.subject.labels | default dict) (trimPrefix "label:" .part) -}}
{{- else if has .part (list "prefix" "kind" "namespace" "name") -}}
  {{- $value = get .subject .part -}}
{{- else -}}
  {{- printf "leasepolicy.leaseName: there is no variable %s; write prefix, kind, namespace, name, hash or label:KEY" .part | fail -}}
{{- end -}}
{{- if not $value -}}
  {{- printf "leasepolicy.leaseName: the name needs %s, and it is not given or empty" .part | fail -}}
{{- end -}}
{{- $value -}}
{{- end -}}

{{/* The first digits of the SHA-256 of the parts, joined by the one character that none of them can contain. */}}
{{- define "leasepolicy.leaseName.hash" -}}
{{- $parts := list -}}
{{- range .hash.of | default (list "name") -}}
  {{- $parts = append $parts (include "leasepolicy.leaseName.part" (dict "subject" $.subject "part" .)) -}}
{{- end -}}
{{- $hex := join "/" $parts | sha256sum -}}
{{- $encoding := .hash.encoding | default "Hex" -}}
{{- $text := $hex -}}
{{- if eq $encoding "Safe" -}}
  {{- $text = include "leasepolicy.leaseName.safe" $hex -}}
{{- else if eq $encoding "Base32" -}}
  {{- $text = include "leasepolicy.leaseName.base32" $hex -}}
{{- else if ne $encoding "Hex" -}}
  {{- printf "leasepolicy.leaseName: there is no encoding %s; write Hex, Base32 or Safe" $encoding | fail -}}
{{- end -}}
{{- trunc (.hash.length | default 10 | int) $text -}}
{{- end -}}

{{/* One consonant for each hex digit. */}}
{{- define "leasepolicy.leaseName.safe" -}}
{{- $alphabet := "bcdfghjkmnpqrstv" -}}
{{- $text := "" -}}
{{- range $digit := splitList "" . -}}
  {{- $value := int (include "leasepolicy.leaseName.digit" $digit) -}}
  {{- $text = print $text (substr $value (add1 $value | int) $alphabet) -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/* RFC 4648 in lower case: five hex digits are four of its characters. */}}
{{- define "leasepolicy.leaseName.base32" -}}
{{- $alphabet := "abcdefghijklmnopqrstuvwxyz234567" -}}
{{- $text := "" -}}
{{- range $group := regexFindAll ".{5}" (print . "0") -1 -}}
  {{- $value := 0 -}}
  {{- range $digit := splitList "" $group -}}
    {{- $value = add (mul $value 16) (int (include "leasepolicy.leaseName.digit" $digit)) -}}
  {{- end -}}
  {{- range $weight := list 32768 1024 32 1 -}}
    {{- $index := mod (div $value $weight) 32 | int -}}
    {{- $text = print $text (substr $index (add1 $index | int) $alphabet) -}}
  {{- end -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/* The value of a hex digit. */}}
{{- define "leasepolicy.leaseName.digit" -}}
{{- $letters := dict "a" 10 "b" 11 "c" 12 "d" 13 "e" 14 "f" 15 -}}
{{- hasKey $letters . | ternary (get $letters .) . -}}
{{- end -}}
