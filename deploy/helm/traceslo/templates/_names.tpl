{{- define "traceslo.name" -}}
{{- if contains "traceslo" .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-traceslo" (.Release.Name | trunc 43 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "traceslo.selector" -}}
app.kubernetes.io/name: traceslo
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "traceslo.labels" -}}
{{ include "traceslo.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "traceslo.image" -}}
{{- $repository := required "image.repository is empty: build the image of deploy/Dockerfile, push it where the cluster can pull it, and say where by --set image.repository=..." .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "traceslo.files" -}}
{{- $config := deepCopy .Values.config -}}
{{- if and (gt (int .Values.readers) 1) (not (hasKey $config "peers")) -}}
{{- $addresses := list -}}
{{- $name := include "traceslo.name" . -}}
{{- range $i := until (int .Values.readers) -}}
{{- $addresses = append $addresses (printf "http://%s-%d.%s.%s.svc:9924" $name (add1 $i) $name $.Release.Namespace) -}}
{{- end -}}
{{- $config = set $config "peers" (dict "addresses" $addresses) -}}
{{- end -}}
{{- toYaml (set (deepCopy .Values.files) "traceslo.yaml" (toYaml $config)) -}}
{{- end -}}
