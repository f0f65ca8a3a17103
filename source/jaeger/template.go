package jaeger

import (
	"encoding/json"
	"strings"
)

// A Template is the index template that Jaeger installs for its spans, as of
// v2.20 (internal/storage/elasticsearch/esclient/index_templates/jaeger-span.json).
// An index that is created without it has no use for Jaeger nor for us: tags
// would be no nested objects, ids no keywords.
type Template struct {
	// Prefix is Jaeger's index_prefix.
	Prefix string
	// Shards and Replicas are those of each index; Jaeger's defaults are 5 and 1.
	Shards, Replicas int
	// Legacy is for the API _template, which Jaeger uses with Elasticsearch 7
	// and OpenSearch; without it the template is for _index_template, which it
	// uses with Elasticsearch 8 and 9.
	Legacy bool
}

// SpanIndex returns what the names of the indices with spans begin with; Jaeger
// appends a date, by default as 2006-01-02. To a prefix that does not end
// in a dash Jaeger adds one.
func SpanIndex(prefix string) string { return base(prefix) + "-" }

func base(prefix string) string {
	if prefix != "" && !strings.HasSuffix(prefix, "-") {
		prefix += "-"
	}
	return prefix + "jaeger-span"
}

// Path returns where the template is to be put, from the root of the cluster.
func (t Template) Path() string {
	if t.Legacy {
		return "/_template/" + base(t.Prefix)
	}
	return "/_index_template/" + base(t.Prefix)
}

// Body returns the template as JSON.
func (t Template) Body() []byte {
	body := object{"settings": t.settings(), "mappings": mappings()}
	if t.Legacy {
		body["index_patterns"] = "*" + SpanIndex(t.Prefix) + "*"
	} else {
		body = object{"index_patterns": SpanIndex(t.Prefix) + "*", "priority": 0, "template": body}
	}
	return encode(body)
}

// Index returns the same as the body of a request that creates one index.
func (t Template) Index() []byte {
	return encode(object{"settings": t.settings(), "mappings": mappings()})
}

func (t Template) settings() object {
	return object{
		"index.number_of_shards":            t.Shards,
		"index.number_of_replicas":          t.Replicas,
		"index.mapping.nested_fields.limit": 50,
		"index.requests.cache.enable":       true,
	}
}

type object map[string]any

func encode(o object) []byte {
	b, err := json.Marshal(o)
	if err != nil {
		// Strings, numbers and maps of them always have a JSON form.
		panic(err)
	}
	return b
}

// mappings are the fields of a span. What a tag holds is a keyword whatever
// its type, and nothing longer than 256 characters is indexed.
func mappings() object {
	keyword := object{"type": "keyword", "ignore_above": maxText}
	long := object{"type": "long"}
	integer := object{"type": "integer"}
	free := object{"type": "object"}
	nested := func(fields object) object {
		return object{"type": "nested", "dynamic": false, "properties": fields}
	}
	tags := nested(object{"key": keyword, "type": keyword, "value": keyword})
	elevated := func(name, path string) object {
		return object{name: object{"mapping": keyword, "path_match": path}}
	}
	return object{
		"dynamic_templates": []object{
			elevated("span_tags_map", "tag.*"),
			elevated("process_tags_map", "process.tag.*"),
			elevated("scope_tags_map", "scopeTag.*"),
		},
		"properties": object{
			"traceID":         keyword,
			"spanID":          keyword,
			"parentSpanID":    keyword,
			"operationName":   keyword,
			"startTime":       long,
			"startTimeMillis": object{"type": "date", "format": "epoch_millis"},
			"duration":        long,
			"flags":           integer,
			"tags":            tags,
			"tag":             free,
			"scopeTags":       tags,
			"scopeTag":        free,
			"logs":            nested(object{"timestamp": long, "fields": tags}),
			"process":         object{"properties": object{"serviceName": keyword, "tags": tags, "tag": free}},
			"references": nested(object{
				"refType": keyword, "traceID": keyword, "spanID": keyword, "traceState": keyword, "flags": integer, "tags": tags,
			}),
		},
	}
}
