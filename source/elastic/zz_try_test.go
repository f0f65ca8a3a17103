package elastic

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/source"
)

func TestTry(t *testing.T) {
	c := Default()
	c.Addresses = []string{os.Getenv("TRY")}
	c.Compression = os.Getenv("GZ") != ""
	s, err := New(Options{Config: c, Log: zerolog.New(os.Stderr), Observe: func(o, st string, d time.Duration) {
		if o != "search" {
			fmt.Println(o, st, d)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v, err := s.Survey(context.Background())
	fmt.Printf("%+v %v\n", v, err)
	began := time.Now()
	n, pages := 0, 0
	for _, i := range v.Indices {
		for _, sh := range i.Shards {
			err := s.Read(context.Background(), source.Range{Index: i.Name, UUID: i.UUID, Shard: sh.Number, After: -1, Upto: sh.Upto, Surveyed: v.Taken}, func(p *source.Page) error { n += len(p.Spans) + len(p.Unreadable); pages++; return nil })
			if err != nil {
				fmt.Println(err)
			}
		}
	}
	fmt.Println(n, pages, time.Since(began), time.Since(began)/time.Duration(n+1))
}

func TestTryLive(t *testing.T) {
	c := Default()
	c.Addresses = []string{os.Getenv("TRY"), "http://localhost:1"}
	s, err := New(Options{Config: c, Log: zerolog.New(os.Stderr)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := s.Live(context.Background())
	for _, f := range r.Findings {
		fmt.Println(f.Level, f.Text, "|", f.Cure)
	}
}
