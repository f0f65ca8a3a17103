package footanalytics

import (
	"encoding/binary"
	"strconv"

	"github.com/traceslo/traceslo/source"
)

// An attribute is a tag of a span or of its process.
type attribute struct {
	key string
	// process holds for a tag of the process.
	process bool
	// typ is the type of the value in the stored document.
	typ valueType
	// fixed is the value if it is always the same, else value finds it. "" is no tag at all.
	fixed string
	value func(*record) string
}

// A valueType is the type that a tag's value is stored with.
type valueType uint8

const (
	plain valueType = iota
	number
	truth
)

// text returns the value in the span of r, "" if that has no such tag.
func (a *attribute) text(r *record) string {
	if a.value == nil {
		return a.fixed
	}
	return a.value(r)
}

// find returns the attribute with a key, nil if there is none.
func find(list []attribute, key string) *attribute {
	for i := range list {
		if list[i].key == key {
			return &list[i]
		}
	}
	return nil
}

// attributesOf returns the tags that spans of o can have.
func attributesOf(o *operation) []attribute {
	list := protocolAttributes(o)
	if o.kind != source.KindUnspecified {
		list = append(list, attribute{key: "span.kind", fixed: o.kind.String()})
	}
	list = append(list, attribute{key: "error", typ: truth, value: failedText}, attribute{key: "error.type", value: errorTag})
	if o.video && (o.service == videoIngestion || o.service == mlPipeline) {
		list = append(list, attribute{key: "video.id", value: videoID})
	}
	if o.service == mlPipeline {
		list = append(list, attribute{key: "ml.model.version", value: modelVersion})
	}
	if o.protocol == overHTTP && o.kind == source.KindServer {
		list = append(list, attribute{key: "request.id", value: requestID}, attribute{key: "user.plan", value: userPlan})
	}
	s := &services[o.service]
	return append(list,
		attribute{process: true, key: "service.version", fixed: s.version},
		attribute{process: true, key: "deployment.environment", value: environment},
		attribute{process: true, key: "host.name", value: host},
		attribute{process: true, key: "telemetry.sdk.language", fixed: s.language},
		attribute{process: true, key: "telemetry.sdk.name", fixed: "opentelemetry"},
	)
}

// protocolAttributes returns the tags that OpenTelemetry's semantic conventions
// name for a call (HTTP, gRPC, messaging, databases).
func protocolAttributes(o *operation) []attribute {
	switch o.protocol {
	case overHTTP, overSDK:
		list := []attribute{{key: "http.request.method", fixed: o.method}}
		if o.kind == source.KindServer {
			list = append(list, attribute{key: "http.route", fixed: o.route})
		} else {
			list = append(list, attribute{key: "server.address", fixed: services[o.calls[0].service].name})
		}
		if o.protocol == overHTTP {
			list = append(list, attribute{key: "http.response.status_code", typ: number, value: httpStatus})
		}
		return list
	case overGRPC:
		return []attribute{
			{key: "rpc.system", fixed: "grpc"},
			{key: "rpc.service", fixed: o.route},
			{key: "rpc.method", fixed: o.method},
			{key: "rpc.grpc.status_code", typ: number, value: grpcStatus},
		}
	case overQueue:
		return []attribute{
			{key: "messaging.system", fixed: "rabbitmq"},
			{key: "messaging.destination.name", fixed: o.route},
			{key: "messaging.operation.name", fixed: o.method},
		}
	case overStore:
		if o.kind == source.KindServer {
			return nil
		}
		system := "postgresql"
		if o.calls[0].service == resultCache {
			system = "redis"
		}
		return []attribute{
			{key: "db.system.name", fixed: system},
			{key: "db.operation.name", fixed: o.method},
			{key: "db.collection.name", fixed: o.route},
		}
	}
	return nil
}

func traceID(r *record) (id source.TraceID) {
	binary.BigEndian.PutUint64(id[:8], r.shared(saltTraceHigh))
	binary.BigEndian.PutUint64(id[8:], r.shared(saltTraceLow))
	return id
}

func failedText(r *record) string {
	if r.tells().failed {
		return "true"
	}
	return ""
}

func errorTag(r *record) string   { return r.tells().errorTag }
func httpStatus(r *record) string { return strconv.Itoa(r.tells().http) }
func grpcStatus(r *record) string { return strconv.Itoa(r.tells().grpc) }

func videoID(r *record) string { return "vid-" + strconv.FormatUint(r.shared(saltVideo)>>16, 36) }

func requestID(r *record) string {
	return "req-" + strconv.FormatUint(r.shared(saltRequest), 16)
}

// Each fact takes bits of its own of the trace's shared ones.
func userPlan(r *record) string {
	switch n := r.shared(saltFacts) & 0xff; {
	case n < 150:
		return "free"
	case n < 230:
		return "pro"
	}
	return "club"
}

func modelVersion(r *record) string {
	if r.shared(saltFacts)>>8&0xff < 24 {
		return "v4.0.0-rc.2"
	}
	return "v3.7.1"
}

// inStaging holds for the few traces of the place where new versions are tried.
func inStaging(r *record) bool { return r.shared(saltFacts)>>16&0xff < 8 }

func environment(r *record) string {
	if inStaging(r) {
		return "staging"
	}
	return "production"
}

func host(r *record) string {
	s := &services[r.op.service]
	if inStaging(r) {
		return s.stagingHost
	}
	return s.hosts[r.shared(saltFacts)>>(24+2*r.op.service)&3]
}
