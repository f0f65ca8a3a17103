package footanalytics

import (
	"strconv"
	"time"

	"github.com/traceslo/traceslo/source"
)

// A protocol is how an operation is called; it decides which tags its spans have.
type protocol uint8

const (
	inProcess protocol = iota
	overHTTP
	overGRPC
	overQueue
	// overStore is the protocol of a database; the store itself tells only that it failed.
	overStore
	// overSDK is a vendor's client library: it turns whatever went wrong into its own error.
	overSDK
)

// An operation is a node of a journey: it becomes one span of each trace of it.
type operation struct {
	service  serviceID
	name     string
	kind     source.Kind
	protocol protocol
	// own is the median of the time it takes beside its calls, and spread how far that varies.
	own    time.Duration
	spread *spread
	// slow is the fault that makes own slowFactor times as long.
	slow FaultKind
	// mishap is what befalls it in odds of oddsIn calls, and in burst of them
	// while the fault bad is under way.
	mishap      failureID
	odds, burst uint32
	bad         FaultKind
	// calls are made one after the other, each when the one before is over.
	calls []*operation
	// side holds if it begins together with the call before it.
	side bool
	// async holds if the caller does not wait for it: it begins some time after the caller ended.
	async bool
	// tolerated holds if the caller does not mind its failure.
	tolerated bool
	// method, route and answer are HTTP's; method and route also name a gRPC
	// method and service, a store's command and collection.
	method, route string
	answer        int

	// All below is computed by compile.
	root       bool
	video      bool
	attributes []attribute
	wanted     []*attribute
	told       [failureCount][2]told // by failure, and whether it befell this operation itself
}

const (
	// oddsIn is a power of two, so that random bits compare with odds.
	oddsIn     = 1 << 20
	slowFactor = 6
	// queueing is the median of the time a message waits.
	queueing = 300 * time.Millisecond
)

// told is what a span tells of a failure.
type told struct {
	failed bool
	// errorTag is the value of the tag error.type, and exception the failure
	// that a log tells of, if told at all.
	errorTag  string
	exception bool
	// http and grpc are status codes; 0 is no code for http, and OK for grpc.
	http, grpc int
	// errorType is what source.Span.ErrorType says then.
	errorType string
}

// serve is an HTTP server's operation.
func serve(s serviceID, method, route string, answer int, own time.Duration, calls ...*operation) *operation {
	return &operation{service: s, name: method + " " + route, kind: source.KindServer, protocol: overHTTP,
		method: method, route: route, answer: answer, own: own, spread: normal, calls: calls}
}

// procedure is a gRPC server's operation.
func procedure(s serviceID, name, service, method string, own time.Duration, calls ...*operation) *operation {
	return &operation{service: s, name: name, kind: source.KindServer, protocol: overGRPC,
		method: method, route: service, own: own, spread: normal, calls: calls}
}

// query is a command that a database or a cache serves.
func query(s serviceID, command, collection string, own time.Duration) *operation {
	return &operation{service: s, name: command + " " + collection, kind: source.KindServer, protocol: overStore,
		method: command, route: collection, own: own, spread: wide}
}

// work is an operation within a service.
func work(s serviceID, name string, own time.Duration, calls ...*operation) *operation {
	return &operation{service: s, name: name, kind: source.KindInternal, own: own, spread: normal, calls: calls}
}

// call is the client's side of a call to the operation to; its own time is the network's.
func call(from serviceID, to *operation) *operation {
	c := &operation{service: from, kind: source.KindClient, protocol: to.protocol, own: 1500 * time.Microsecond, spread: wide,
		method: to.method, route: to.route, answer: to.answer, calls: []*operation{to}}
	switch to.protocol {
	case overHTTP:
		c.name = to.method
	case overGRPC:
		c.name = to.route + "/" + to.method
	default:
		c.name = to.name
	}
	return c
}

// publish puts a message into a queue, from which consumer takes it.
func publish(from serviceID, queue string, consumer *operation) *operation {
	consumer.async = true
	return &operation{service: from, name: "publish " + queue, kind: source.KindProducer, protocol: overQueue,
		method: "publish", route: queue, own: 2 * time.Millisecond, spread: wide, calls: []*operation{consumer}}
}

// consume handles a message of a queue.
func consume(s serviceID, name, queue string, own time.Duration, calls ...*operation) *operation {
	return &operation{service: s, name: name, kind: source.KindConsumer, protocol: overQueue,
		method: "process", route: queue, own: own, spread: normal, calls: calls}
}

// sdk makes o a call through a vendor's library, under a name of its own.
func (o *operation) sdk(name string) *operation {
	o.name, o.protocol = name, overSDK
	return o
}

// varies sets how far the own time of o varies.
func (o *operation) varies(s *spread) *operation { o.spread = s; return o }

// fails lets f befall o in a share of the calls.
func (o *operation) fails(f failureID, share float64) *operation {
	o.mishap, o.odds, o.burst = f, uint32(share*oddsIn), uint32(share*oddsIn)
	return o
}

// failsIn is the share in which o's mishap befalls it while a fault is under way.
func (o *operation) failsIn(k FaultKind, share float64) *operation {
	o.bad, o.burst = k, uint32(share*oddsIn)
	return o
}

// slowIn makes o slow while a fault is under way.
func (o *operation) slowIn(k FaultKind) *operation { o.slow = k; return o }

// beside makes o begin together with the call before it.
func (o *operation) beside() *operation { o.side = true; return o }

// optional makes the caller of o go on when o fails.
func (o *operation) optional() *operation { o.tolerated = true; return o }

// compile computes what hangs on the table alone, for o and all below it.
func (o *operation) compile(tags []string, video bool) {
	o.video = video
	for f := range o.told {
		for own := range o.told[f] {
			o.told[f][own] = o.tells(failureID(f), own == 1)
		}
	}
	o.attributes = attributesOf(o)
	o.wanted = make([]*attribute, len(tags))
	for i, key := range tags {
		o.wanted[i] = find(o.attributes, key)
	}
	for _, c := range o.calls {
		c.compile(tags, video)
	}
}

// longest returns a bound of the time from the begin of o to the end of all
// that it leads to.
func (o *operation) longest() time.Duration {
	sum := o.spread.longest(o.own)
	if o.slow != "" {
		sum *= slowFactor
	}
	sum += failures[o.mishap].takes
	if o.async {
		sum += wide.longest(queueing)
	}
	for _, c := range o.calls {
		sum += c.longest()
	}
	return sum
}

// tells returns what the span of o tells when f befell o itself (own) or one
// of its calls.
func (o *operation) tells(f failureID, own bool) told {
	t := told{http: o.answer}
	if f == noFailure {
		return t
	}
	what := &failures[f]
	switch o.protocol {
	case overHTTP:
		t.http = what.http
		if o.kind == source.KindClient {
			// OpenTelemetry's conventions call 4xx an error of the client's span only.
			t.failed, t.errorTag = true, strconv.Itoa(what.http)
			break
		}
		t.failed = what.http >= 500
		t.exception = t.failed && own
		if t.failed && services[o.service].language == "python" {
			t.errorTag = strconv.Itoa(what.http)
		}
	case overGRPC:
		t.failed, t.grpc, t.exception = true, what.grpc, own
	case overStore:
		t.failed = true
		if o.kind == source.KindClient {
			t.errorTag = what.exception
		}
	case inProcess, overQueue, overSDK:
		t.failed, t.exception = true, true
	}
	t.errorType = t.reason(what)
	return t
}

// reason returns the error type by the order that the product's documentation
// promises: tag, exception, HTTP status, gRPC status.
func (t *told) reason(what *failure) string {
	switch {
	case !t.failed:
		return ""
	case t.errorTag != "":
		return t.errorTag
	case t.exception:
		return what.exception
	case t.http >= 400:
		return strconv.Itoa(t.http)
	case t.grpc != 0:
		return what.grpcName
	}
	return "unknown"
}
