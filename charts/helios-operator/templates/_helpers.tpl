{{- define "helios.labels" -}}
app.kubernetes.io/name: helios-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "helios.selector" -}}
app.kubernetes.io/name: helios-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "helios.account" -}}
{{ .Values.serviceAccount.name | default .Release.Name }}
{{- end }}

{{/* What the operator may do where RenderJobs are; least privilege, rule by rule. */}}
{{- define "helios.rules" -}}
- apiGroups: [helios.video]
  resources: [renderjobs]
  verbs: [get, list, watch]
- apiGroups: [helios.video]
  resources: [renderjobs/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- if not .Values.artifacts.url }}
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, create]
{{- end }}
{{- end }}
