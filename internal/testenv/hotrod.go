package testenv

import (
	"net"
	"strconv"
	"testing"
	"time"
)

// HotRODOptions says where HotROD sends its spans.
type HotRODOptions struct {
	OTLPHTTP string   // As in Jaeger.
	Args     []string // Further flags, such as --fix-db-query-delay=10ms.
}

// A HotROD is Jaeger's example of six services that call each other.
type HotROD struct {
	URL     string // Of its frontend.
	Process *Process
}

// StartHotROD starts all services of HotROD. They end with the test.
func StartHotROD(t testing.TB, o HotRODOptions) *HotROD {
	t.Helper()
	path := tool(t, "hotrod")
	process, p := listen(t, 4, func(p *ports) Command {
		args := []string{"all"}
		for i, service := range []string{"frontend", "customer", "driver", "route"} {
			args = append(args, "--"+service+"-service-hostname=127.0.0.1", "--"+service+"-service-port="+strconv.Itoa(p.numbers[i]))
		}
		return Command{
			Path: path,
			Args: append(args, o.Args...),
			Env:  []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + o.OTLPHTTP, "OTEL_BSP_SCHEDULE_DELAY=200"},
		}
	}, "/")
	// The frontend may answer before the services behind it listen.
	for i := 1; i < 4; i++ {
		Eventually(t, 20*time.Second, func() error {
			connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.address(i))
			if err != nil {
				return err
			}
			return connection.Close()
		})
	}
	return &HotROD{URL: p.url(0), Process: process}
}

// Dispatch orders a ride for a customer, 123, 392, 731 or 567, which makes 39 or 40 spans over six services.
func (h *HotROD) Dispatch(t testing.TB, customer int) {
	t.Helper()
	if err := answers(t.Context(), h.URL+"/dispatch?customer="+strconv.Itoa(customer)); err != nil {
		t.Fatal(err)
	}
}
