package sli_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/sli"
)

func TestTheDefaultIsWithoutFault(t *testing.T) {
	if faults := sli.Default().Validate(); len(faults) > 0 {
		t.Errorf("%+v", faults)
	}
}

func TestValidate(t *testing.T) {
	dimension := func(tag, label string) func(*sli.Config) {
		return func(c *sli.Config) { c.Dimensions = append(c.Dimensions, sli.Dimension{Tag: tag, Label: label}) }
	}
	buckets := func(b ...time.Duration) func(*sli.Config) { return func(c *sli.Config) { c.Buckets = b } }
	for _, tt := range []struct {
		name   string
		change func(*sli.Config)
		path   string
		want   string
	}{
		{"no bucket", buckets(), "buckets", "there is no bucket"},
		{"a bucket of zero", buckets(0), "buckets[0]", "0s is not positive"},
		{"a negative bucket", buckets(-time.Second), "buckets[0]", "-1s is not positive"},
		{"a bucket finer than a microsecond", buckets(1500), "buckets[0]", "1.5µs is not a whole number of microseconds"},
		{"buckets in descending order", buckets(2*time.Second, time.Second), "buckets[1]", "1s does not come after 2s"},
		{"a bucket twice", buckets(time.Second, time.Second), "buckets[1]", "1s does not come after 1s"},
		{"a bucket of years", buckets(20_000 * time.Hour), "buckets[0]", "20000h0m0s is more than a year"},
		{"too many buckets", func(c *sli.Config) {
			c.Buckets = nil
			for i := range 61 {
				c.Buckets = append(c.Buckets, time.Duration(i+1)*time.Second)
			}
		}, "buckets", "there are 61 buckets"},
		{"no tag", dimension("", "x"), "dimensions[0].tag", "there is no tag"},
		{"no label", dimension("x", ""), "dimensions[0].label", "there is no label"},
		{"a label with a dot", dimension("deployment.environment", "deployment.environment"), "dimensions[0].label", `"deployment.environment" is not a label's name`},
		{"a label that begins with a digit", dimension("x", "1x"), "dimensions[0].label", `"1x" is not a label's name`},
		{"a label of Prometheus itself", dimension("x", "__name__"), "dimensions[0].label", `"__name__" is kept for Prometheus itself`},
		{"the label service", dimension("x", "service"), "dimensions[0].label", `"service" is the label of the span's service`},
		{"the label le", dimension("x", "le"), "dimensions[0].label", `"le" is the label of a bucket's bound`},
		{"the label error_type", dimension("x", "error_type"), "dimensions[0].label", `"error_type" is the label of the type of an error`},
		{"the label trace_id", dimension("x", "trace_id"), "dimensions[0].label", `"trace_id" is the label of an exemplar's trace`},
		{"a tag twice", func(c *sli.Config) { dimension("x", "a")(c); dimension("x", "b")(c) }, "dimensions[1].tag", `"x" is the tag of dimensions[0] already`},
		{"a label twice", func(c *sli.Config) { dimension("x", "a")(c); dimension("y", "a")(c) }, "dimensions[1].label", `"a" is the label of dimensions[0] already`},
		{"a negative window", func(c *sli.Config) { c.Deduplicate = -1 }, "deduplicate", "-1ns is negative"},
		{"a negative hold", func(c *sli.Config) { c.NewSeriesHold = -1 }, "new_series_hold", "-1ns is negative"},
		{"a negative expiry", func(c *sli.Config) { c.Expire = -1 }, "expire", "-1ns is negative"},
		{"no series at all", func(c *sli.Config) { c.Limits.Series = 0 }, "limits.series", "0 is not a limit"},
		{"a negative limit", func(c *sli.Config) { c.Limits.Services = -1 }, "limits.services", "-1 is not a limit"},
		{"too many types of errors", func(c *sli.Config) { c.Limits.ErrorTypesPerService = 10_001 }, "limits.error_types_per_service", "10001 is not a limit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := sli.Default()
			tt.change(&cfg)
			faults := cfg.Validate()
			if len(faults) != 1 {
				t.Fatalf("%d faults, want 1: %+v", len(faults), faults)
			}
			f := faults[0]
			if f.Warning || f.Cure == "" {
				t.Errorf("want an error with a cure: %+v", f)
			}
			if diff := cmp.Diff([]string{tt.path, tt.want}, []string{f.Path, f.Problem}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAllFaultsAreFoundAtOnce(t *testing.T) {
	cfg := sli.Config{Buckets: []time.Duration{-1, 1}, Expire: -1, Dimensions: []sli.Dimension{{}}}
	if got := len(cfg.Validate()); got != 11 {
		t.Errorf("%d faults, want 11: 2 buckets, 2 of the dimension, expire, 6 limits: %+v", got, cfg.Validate())
	}
}

func TestWindowsMayBeOff(t *testing.T) {
	cfg := sli.Default()
	cfg.Deduplicate, cfg.NewSeriesHold, cfg.Expire = 0, 0, 0
	if faults := cfg.Validate(); len(faults) > 0 {
		t.Errorf("%+v", faults)
	}
}

func TestPersonalAndUnboundedTagsAreWarnedOf(t *testing.T) {
	const personal, unbounded = "personal", "unbounded"
	for tag, want := range map[string]string{
		"user.id": personal, "enduser.id": personal, "user_id": personal, "customer.id": personal, "userId": personal,
		"user.email": personal, "contact.email": personal, "email": personal, "client.address": personal, "net.peer.ip": personal,
		"session.id": unbounded, "request.id": unbounded, "requestId": unbounded, "trace_id": unbounded, "span.id": unbounded, "traceid": unbounded,
		"video.id": unbounded, "order.uuid": unbounded, "uuid": unbounded, "http.request.header.x-request-id": unbounded,
		"http.url": unbounded, "url.full": unbounded, "http.target": unbounded, "url.path": unbounded, "url.query": unbounded,
		"db.statement": unbounded, "db.query.text": unbounded, "exception.stacktrace": unbounded, "exception.message": unbounded,
		"messaging.message.id": unbounded, "k8s.pod.uid": unbounded, "container.id": unbounded, "thread.id": unbounded, "service.instance.id": unbounded,

		"user.plan": "", "deployment.environment": "", "ml.model.version": "", "http.method": "", "http.route": "", "http.response.status_code": "",
		"service.version": "", "region": "", "db.system": "", "tier": "", "messaging.system": "", "rpc.method": "", "cloud.availability_zone": "", "k8s.cluster.name": "",
	} {
		cfg := sli.Default()
		cfg.Dimensions = []sli.Dimension{{Tag: tag, Label: "x"}}
		faults := cfg.Validate()
		if want == "" {
			if len(faults) > 0 {
				t.Errorf("%s: %+v, want nothing", tag, faults)
			}
			continue
		}
		if len(faults) != 1 || !faults[0].Warning || !contains(faults[0].Problem, want) {
			t.Errorf("%s: %+v, want one warning of %q", tag, faults, want)
		}
	}
}

func TestRootsAreWantedIfAMeasureTellsThem(t *testing.T) {
	measure := func(root bool) sli.Measure {
		return sli.Measure{Indicator: sli.Indicator{Availability: &sli.Availability{Match: sli.Match{RootOnly: root}}}}
	}
	c := sli.Default()
	for _, want := range []bool{false, true} {
		c.Measures = append(c.Measures, measure(want))
		if got := c.Roots(); got != want {
			t.Errorf("with %d measures: got %t, want %t", len(c.Measures), got, want)
		}
	}
}
