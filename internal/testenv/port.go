package testenv

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Ports are taken below the range from which Linux gives ports to outgoing connections, so that a server that was
// stopped finds its port free when it comes back, and nobody's connection lands on itself meanwhile.
const lowestPort, highestPort = 20000, 32000

// ports are numbers that no other process of this package uses, each held by a file lock until release.
type ports struct {
	numbers []int
	unlocks []func()
}

// reservePorts finds n ports on which nobody listens on the loopback interface. A stranger may still take one before the
// server does: who starts a server tries again then.
func reservePorts(ctx context.Context, n int) (*ports, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "ports")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	p := &ports{}
	first := rand.IntN(highestPort - lowestPort)
	for i := range highestPort - lowestPort {
		number := lowestPort + (first+i)%(highestPort-lowestPort)
		unlock, ok := tryLock(filepath.Join(dir, strconv.Itoa(number)))
		if !ok {
			continue
		}
		if !free(ctx, number) {
			unlock()
			continue
		}
		p.numbers, p.unlocks = append(p.numbers, number), append(p.unlocks, unlock)
		if len(p.numbers) == n {
			return p, nil
		}
	}
	p.release()
	return nil, fmt.Errorf("no %d free ports between %d and %d", n, lowestPort, highestPort)
}

// Port returns a port on which nobody listens on the loopback interface, and keeps it from other tests until this one ends.
func Port(t testing.TB) int {
	t.Helper()
	p, err := reservePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.release)
	return p.numbers[0]
}

// address returns the i-th port as a loopback address.
func (p *ports) address(i int) string { return loopback(p.numbers[i]) }

// url returns the i-th port as an HTTP address.
func (p *ports) url(i int) string { return "http://" + p.address(i) }

func (p *ports) release() {
	for _, unlock := range p.unlocks {
		unlock()
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func free(ctx context.Context, port int) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
