{{- /* The name of everything namespaced: the release's, which is image-automation unless there are several. */ -}}
{{- define "name" -}}
{{- if contains "image-automation" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-image-automation" (.Release.Name | trunc 33 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- /* Objects of the cluster are told apart by the namespace, but for the usual one. */ -}}
{{- define "clusterName" -}}
{{- if eq .Release.Namespace "flux-system" -}}
{{- include "name" . -}}
{{- else -}}
{{- printf "%s-%s" (include "name" .) .Release.Namespace | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "labels" -}}
app.kubernetes.io/instance: {{ .Release.Namespace }}
app.kubernetes.io/name: image-automation
app.kubernetes.io/part-of: flux
{{- end -}}

{{- define "pods" -}}
app: {{ include "name" . }}
{{- end -}}

{{- /* Where only the release's namespace is watched, rights on kinds end there, too. */ -}}
{{- define "bindingKind" -}}
{{- if .Values.watchAllNamespaces }}ClusterRoleBinding{{ else }}RoleBinding{{ end -}}
{{- end -}}

{{- define "bindingNamespace" -}}
{{- if not .Values.watchAllNamespaces }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
{{- end -}}
