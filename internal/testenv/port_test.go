package testenv

import (
	"net"
	"testing"
)

func TestReservedPortsAreFreeAndNobodyElses(t *testing.T) {
	seen := map[int]bool{}
	for range 5 {
		p, err := reservePorts(t.Context(), 3)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.release)
		for i, number := range p.numbers {
			if seen[number] {
				t.Errorf("port %d was given twice", number)
			}
			seen[number] = true
			l, err := net.Listen("tcp", p.address(i))
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestReleasedPortCanBeReserved(t *testing.T) {
	p, err := reservePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	p.release()
	cache, err := CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	unlock, ok := tryLock(cache + "/ports/" + p.address(0)[len("127.0.0.1:"):])
	if !ok {
		t.Fatal("the port is still locked")
	}
	unlock()
}
