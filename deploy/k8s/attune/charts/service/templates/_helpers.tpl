{{/* The service's name within the release: its alias, or nameOverride. */}}
{{- define "service.name" -}}
{{- .Values.nameOverride | default .Chart.Name -}}
{{- end -}}

{{- define "service.fullname" -}}
{{- printf "%s-%s" .Release.Name (include "service.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "service.selector" -}}
app.kubernetes.io/name: {{ include "service.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "service.labels" -}}
{{ include "service.selector" . }}
app.kubernetes.io/part-of: attune
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* Settings are environment variables that start with the package's name. */}}
{{- define "service.prefix" -}}
{{- upper .Values.package -}}_
{{- end -}}

{{- define "service.image" -}}
{{- $image := .Values.global.image -}}
{{- $name := printf "%s-%s" $image.repository (include "service.name" .) -}}
{{- if .Values.digest -}}
{{- printf "%s@%s" $name .Values.digest -}}
{{- else -}}
{{- printf "%s:%s" $name ($image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "service.secret" -}}
{{- .Values.secrets.name | default (include "service.fullname" .) -}}
{{- end -}}

{{/* TLS between the pods wherever plain text would be refused. */}}
{{- define "service.tls" -}}
{{- if eq .Values.global.environment "production" -}}true{{- end -}}
{{- end -}}

{{- define "service.scheme" -}}
{{- if include "service.tls" . -}}https{{- else -}}http{{- end -}}
{{- end -}}

{{- define "service.tlsSecret" -}}
{{- .Values.secrets.tls | default (printf "%s-tls" (include "service.fullname" .)) -}}
{{- end -}}

{{/* Where the gateway's secret at the issuer comes from, if it exchanges tokens and has no key. */}}
{{- define "service.exchangeSecret" -}}
{{- if and .Values.exchange.url (not .Values.exchange.keySecret) -}}
envFrom:
  - prefix: {{ include "service.prefix" . }}
    secretRef: {name: {{ include "service.secret" . }}}
{{- end -}}
{{- end -}}

{{- define "service.exchangeAudiences" -}}
{{- $found := dict -}}
{{- range $part := list "customer-360" "eventing" "insight" "scoring" "campaign" -}}
{{- $_ := set $found (replace "-" "_" $part) (include "service.audience" (dict "root" $ "part" $part)) -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/* What must not be: said before anything is rendered. */}}
{{- define "service.refuse" -}}
{{- if not (hasPrefix "s3://" .Values.global.lakeUrl) -}}
{{- fail (printf "global.lakeUrl is %q: pods share no disk, the lake must lie under s3://" .Values.global.lakeUrl) -}}
{{- end -}}
{{- if and (eq .Values.global.environment "production") (not (hasPrefix "tls://" .Values.global.natsUrl)) -}}
{{- fail "global.natsUrl must be tls:// in production" -}}
{{- end -}}
{{- if and .Values.fieldsConfigMap (not (has .Values.package (list "eventing" "campaign"))) -}}
{{- fail (printf "%s: a bank's own fields are eventing's and campaign's" (include "service.name" .)) -}}
{{- end -}}
{{- if and .Values.exchange.url (ne .Values.kind "gateway") -}}
{{- fail (printf "%s: tokens are exchanged by the gateway alone" (include "service.name" .)) -}}
{{- end -}}
{{- if and (eq .Values.global.environment "production") .Values.exchange.url (not (hasPrefix "https://" .Values.exchange.url)) -}}
{{- fail "gateway.exchange.url must be https:// in production" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (or (ne .Values.kind "gateway") (not .Values.ingress.host) (not .Values.ingress.tlsSecret)) -}}
{{- fail (printf "%s: an ingress is the gateway's alone and needs host and tlsSecret" (include "service.name" .)) -}}
{{- end -}}
{{- end -}}

{{/* The audience of a part of the release, by its chart's name: dict "root" . "part" "insight". */}}
{{- define "service.audience" -}}
{{- get .root.Values.global.token.audiences .part | default (printf "attune-%s" .part) -}}
{{- end -}}

{{/* Who may stand beside a part in a token's `aud`: the parts, and nobody else. */}}
{{- define "service.audiences" -}}
{{- $names := list -}}
{{- range $part := list "gateway" "customer-360" "eventing" "insight" "scoring" "campaign" -}}
{{- $names = append $names (include "service.audience" (dict "root" $ "part" $part)) -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{- define "service.env" -}}
{{- $prefix := include "service.prefix" . -}}
- {name: {{ $prefix }}ENVIRONMENT, value: {{ .Values.global.environment }}}
- {name: {{ $prefix }}HOST, value: "0.0.0.0"}
- {name: {{ $prefix }}PORT, value: "8443"}
- {name: {{ $prefix }}DRAIN_SECONDS, value: {{ .Values.drainSeconds | quote }}}
- {name: {{ $prefix }}TOKEN_ISSUER, value: {{ .Values.global.token.issuer | quote }}}
- {name: {{ $prefix }}TOKEN_AUDIENCE, value: {{ include "service.audience" (dict "root" . "part" (include "service.name" .)) | quote }}}
- {name: {{ $prefix }}TOKEN_AUDIENCES_BESIDE, value: {{ include "service.audiences" . | quote }}}
- {name: {{ $prefix }}TOKEN_JWKS, value: {{ .Values.global.token.jwks | quote }}}
{{- if include "service.tls" . }}
- {name: {{ $prefix }}TLS_CERTIFICATE, value: /etc/attune/tls/tls.crt}
- {name: {{ $prefix }}TLS_KEY, value: /etc/attune/tls/tls.key}
{{- end }}
{{- if eq .Values.kind "gateway" }}
- {name: {{ $prefix }}HOSTS, value: {{ required "gateway.hosts names the hosts that it serves" (join "," .Values.hosts) | quote }}}
- name: {{ $prefix }}UPSTREAMS
  value: {{ include "service.upstreams" . | quote }}
{{- if include "service.tls" . }}
- {name: {{ $prefix }}UPSTREAM_CA, value: /etc/attune/tls/ca.crt}
{{- end }}
{{- if .Values.exchange.url }}
- {name: {{ $prefix }}EXCHANGE_URL, value: {{ .Values.exchange.url | quote }}}
- {name: {{ $prefix }}EXCHANGE_CLIENT_ID, value: {{ .Values.exchange.clientId | quote }}}
- {name: {{ $prefix }}EXCHANGE_AUDIENCES, value: {{ include "service.exchangeAudiences" . | quote }}}
- {name: {{ $prefix }}EXCHANGE_LONGER_SECONDS, value: {{ .Values.exchange.longerSeconds | quote }}}
{{- if .Values.exchange.keySecret }}
- {name: {{ $prefix }}EXCHANGE_CLIENT_KEY, value: /etc/attune/exchange/client.pem}
{{- end }}
{{- end }}
{{- else }}
- {name: {{ $prefix }}NATS_URL, value: {{ .Values.global.natsUrl | quote }}}
- {name: {{ $prefix }}LAKE_URL, value: {{ .Values.global.lakeUrl | quote }}}
- {name: {{ $prefix }}SCRATCH, value: /scratch}
- {name: {{ $prefix }}KEK_FILE, value: /etc/attune/keys/kek}
- {name: {{ $prefix }}NATS_USER, value: {{ .Values.package }}}
- {name: {{ $prefix }}CLOCK, value: {{ .Values.global.clock | quote }}}
- {name: {{ $prefix }}ZONE, value: {{ .Values.global.zone | quote }}}
- {name: {{ $prefix }}SAMPLE_RATIO, value: {{ .Values.global.sampleRatio | quote }}}
{{- with .Values.global.otlpEndpoint }}
- {name: {{ $prefix }}OTLP_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- end }}
{{- if .Values.fieldsConfigMap }}
- {name: {{ $prefix }}FIELDS_FOLDER, value: /etc/attune/fields}
{{- end }}
{{- range $name, $value := .Values.env }}
- {name: {{ $prefix }}{{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end -}}

{{/* The services behind the gateway, as their Services are named. */}}
{{- define "service.upstreams" -}}
{{- $scheme := include "service.scheme" . -}}
{{- $found := dict -}}
{{- range $package, $name := dict "customer_360" "customer-360" "eventing" "eventing" "insight" "insight" "scoring" "scoring" "campaign" "campaign" -}}
{{- $_ := set $found $package (printf "%s://%s-%s:8443" $scheme $.Release.Name $name) -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{- define "service.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "service.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "service.mounts" -}}
- {name: scratch, mountPath: /scratch}
- {name: tmp, mountPath: /tmp}
{{- if include "service.tls" . }}
- {name: tls, mountPath: /etc/attune/tls, readOnly: true}
{{- end }}
{{- if ne .Values.kind "gateway" }}
- {name: keys, mountPath: /etc/attune/keys, readOnly: true}
{{- end }}
{{- if and .Values.exchange.url .Values.exchange.keySecret }}
- {name: exchange, mountPath: /etc/attune/exchange, readOnly: true}
{{- end }}
{{- if .Values.fieldsConfigMap }}
- {name: fields, mountPath: /etc/attune/fields, readOnly: true}
{{- end }}
{{- end -}}

{{- define "service.volumes" -}}
- name: scratch
  emptyDir: {sizeLimit: {{ .Values.scratchSize }}}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- if include "service.tls" . }}
- name: tls
  secret: {secretName: {{ include "service.tlsSecret" . }}, defaultMode: 0440}
{{- end }}
{{- if ne .Values.kind "gateway" }}
- name: keys
  secret: {secretName: {{ .Values.secrets.keys | default (printf "%s-keys" (include "service.fullname" .)) }}, defaultMode: 0440}
{{- end }}
{{- if and .Values.exchange.url .Values.exchange.keySecret }}
- name: exchange
  secret: {secretName: {{ .Values.exchange.keySecret }}, defaultMode: 0440}
{{- end }}
{{- with .Values.fieldsConfigMap }}
- name: fields
  configMap: {name: {{ . }}}
{{- end }}
{{- end -}}

{{/* A pod that runs one command of the package: dict "root" . "command" "app". */}}
{{- define "service.pod" -}}
{{- $root := .root -}}
{{- $probe := dict "port" "http" "scheme" (upper (include "service.scheme" $root)) -}}
metadata:
  labels:
    {{- include "service.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .command }}
  {{- with $root.Values.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "service.fullname" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
  securityContext: {{- include "service.podSecurityContext" $root | nindent 4 }}
  {{- with $root.Values.global.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "service.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $.command }}
    {{- end }}
  containers:
    - name: {{ .command }}
      image: {{ include "service.image" $root }}
      imagePullPolicy: {{ $root.Values.global.image.pullPolicy }}
      args: [{{ .command }}]
      ports:
        - {name: http, containerPort: 8443, protocol: TCP}
      env: {{- include "service.env" $root | nindent 8 }}
      {{- if ne $root.Values.kind "gateway" }}
      envFrom:
        - prefix: {{ include "service.prefix" $root }}
          secretRef: {name: {{ include "service.secret" $root }}}
        {{- with $root.Values.global.lakeSecret }}
        - secretRef: {name: {{ . }}}
        {{- end }}
      {{- else }}
      {{- with include "service.exchangeSecret" $root }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- end }}
      startupProbe:
        httpGet: {path: /livez, {{ include "service.probe" $probe }}}
        periodSeconds: 2
        failureThreshold: 60
      readinessProbe:
        httpGet: {path: /readyz, {{ include "service.probe" $probe }}}
        periodSeconds: 5
        timeoutSeconds: 3
      livenessProbe:
        httpGet: {path: /livez, {{ include "service.probe" $probe }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      resources: {{- toYaml (index $root.Values.resources .command) | nindent 8 }}
      securityContext: {{- include "service.securityContext" $root | nindent 8 }}
      volumeMounts: {{- include "service.mounts" $root | nindent 8 }}
  volumes: {{- include "service.volumes" $root | nindent 4 }}
  {{- with $root.Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "service.probe" -}}
port: {{ .port }}, scheme: {{ .scheme }}
{{- end -}}

{{/* Where names are asked for, from global.egress.dns. */}}
{{- define "service.dns" -}}
- ports: [{port: {{ .port }}, protocol: UDP}, {port: {{ .port }}, protocol: TCP}]
  to: {{- toYaml .to | nindent 4 }}
{{- end -}}

{{/* One egress rule from global.egress, where peers are named. */}}
{{- define "service.egress" -}}
{{- if .to }}
- ports: [{port: {{ .port }}, protocol: TCP}]
  to: {{- toYaml .to | nindent 4 }}
{{- end }}
{{- end -}}
