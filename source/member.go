package source

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/dchest/siphash"
)

// A Member is one of several readers that share a source: the Number-th, from
// 1, of Of. The zero value stands alone and reads all.
//
// Which shards of which indices it reads follows from their names alone, by
// rendezvous hashing (Thaler and Ravishankar, "Using Name-Based Mappings to
// Increase Hit Rates", 1998). For each index, the members k of 1 to Of are put
// in an order, the one first whose
//
//	weight = SipHash-2-4, with the key (k, 0), of the index' UUID
//
// is the greatest, of equal ones the lower k. Shard 0 is read by the first of
// them, shard 1 by the second, and so on, after the last by the first again. So
// all members know it without asking each other, and the shards of the one
// index that is written to now are spread over all of them. The formula never
// changes: a shard that another member reads all at once is lost in part, or
// counted twice.
type Member struct{ Number, Of int }

// MaxMembers is how many readers may share a source.
const MaxMembers = 64

// Alone tells whether the member reads all.
func (m Member) Alone() bool { return m.Of <= 1 }

// Reads tells whether a shard of an index is the member's to read.
func (m Member) Reads(uuid string, shard int) bool {
	if m.Alone() {
		return true
	}
	name := []byte(uuid)
	own, before := siphash.Hash(uint64(m.Number), 0, name), 0
	for k := 1; k <= m.Of; k++ {
		weight := siphash.Hash(uint64(k), 0, name)
		if weight > own || weight == own && k < m.Number {
			before++
		}
	}
	return shard%m.Of == before
}

// String returns the text that UnmarshalText reads; 1/1 for one that stands alone.
func (m Member) String() string { return fmt.Sprintf("%d/%d", max(1, m.Number), max(1, m.Of)) }

// MarshalText writes what UnmarshalText reads.
func (m Member) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads "i/n", the i-th of n. 1/1 stands alone.
func (m *Member) UnmarshalText(text []byte) error {
	number, of, slash := strings.Cut(string(text), "/")
	i, wrongNumber := strconv.Atoi(number)
	n, wrongOf := strconv.Atoi(of)
	switch {
	case !slash || wrongNumber != nil || wrongOf != nil || i < 1 || n < 1:
		return fmt.Errorf("%q is not one of several readers; write for example 1/2 for the first of two", text)
	case n > MaxMembers:
		return fmt.Errorf("%q: there may be %d readers at most", text, MaxMembers)
	case i > n:
		return fmt.Errorf("%q: there is no reader %d of %d; they are counted from 1", text, i, n)
	}
	if *m = (Member{Number: i, Of: n}); m.Alone() {
		*m = Member{}
	}
	return nil
}

// Share returns a source that shows of s the shards alone that are the member's
// to read. It lists every index, also one of which it has no shard: which
// indices there are, and which are copies of others, all members know alike.
func Share(s Source, m Member) Source {
	if m.Alone() {
		return s
	}
	return &share{source: s, member: m}
}

type share struct {
	source Source
	member Member
	// others has how far the shards of the other members went, at the last survey.
	others map[shardName]int64
}

type shardName struct {
	uuid   string
	number int
}

// Survey implements Source.
func (s *share) Survey(ctx context.Context) (Survey, error) {
	survey, err := s.source.Survey(ctx)
	if err != nil {
		return survey, err
	}
	before, indices := s.others, make([]Index, len(survey.Indices))
	s.others = make(map[shardName]int64, len(before))
	for i, index := range survey.Indices {
		indices[i] = index
		indices[i].Shards = nil
		for _, shard := range index.Shards {
			if s.member.Reads(index.UUID, shard.Number) {
				indices[i].Shards = append(indices[i].Shards, shard)
				continue
			}
			name := shardName{index.UUID, shard.Number}
			upto, known := before[name]
			if !known {
				upto = -1
			}
			if shard.Ready && index.Unfollowed == "" {
				survey.Others += max(0, shard.Upto-upto)
				upto = max(upto, shard.Upto)
			}
			s.others[name] = upto
		}
	}
	survey.Indices = indices
	return survey, nil
}

// Read implements Source.
func (s *share) Read(ctx context.Context, r Range, page func(*Page) error) error {
	return s.source.Read(ctx, r, page)
}
