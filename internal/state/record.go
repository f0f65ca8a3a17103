package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// What the file holds, in terms of bbolt: one bucket a Bucket, and before them
// the bucket metaName with the record headerKey and one digest a bucket.
//
// Every record, those of metaName included, is stored as its value and, after
// it, four bytes of CRC-32C (Castagnoli, as in RFC 3720 appendix B.4, little-endian)
// over the length of the bucket's name, the name, the length of the key, the key
// and the value; lengths are four bytes, little-endian. So no record passes for
// one of another key or bucket. What a later format changes, it keeps this for
// headerKey.
const (
	formatVersion = 1
	metaName      = "\x00"
	headerKey     = "format"
	digestPrefix  = "n:"
	magic         = "traceslo"
	sumSize       = 4
	// maxName is the greatest length of a bucket's name, in bytes.
	maxName = 1024
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A summer makes the checksums of the records of one bucket.
type summer struct {
	name uint32  // the checksum up to the bucket's name
	size [4]byte // here, since it would be an allocation a record elsewhere
}

func newSummer(bucket string) summer {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(bucket)), uint32(len(bucket)))
	return summer{name: crc32.Update(0, castagnoli, append(b, bucket...))}
}

// sum returns the checksum of a record.
func (s *summer) sum(key, value []byte) uint32 {
	binary.LittleEndian.PutUint32(s.size[:], uint32(len(key)))
	crc := crc32.Update(s.name, castagnoli, s.size[:])
	crc = crc32.Update(crc, castagnoli, key)
	return crc32.Update(crc, castagnoli, value)
}

// unwrap returns the value and the checksum of a stored record, and whether they agree.
func (s *summer) unwrap(key, stored []byte) (value []byte, crc uint32, ok bool) {
	n := len(stored) - sumSize
	if n < 0 {
		return nil, 0, false
	}
	crc = binary.LittleEndian.Uint32(stored[n:])
	value = stored[:n:n]
	return value, crc, crc == s.sum(key, value)
}

// A digest tells of a set of records how many they are and the sum of their
// checksums, in whatever order, so that one that is missing, there twice, or
// from an older version of the bucket is noticed.
type digest struct{ records, sum uint64 }

func (d *digest) add(crc uint32) {
	d.records++
	d.sum += uint64(crc)
}

func (d *digest) remove(crc uint32) {
	d.records--
	d.sum -= uint64(crc)
}

func (d digest) encode() []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 16), d.records)
	return binary.LittleEndian.AppendUint64(b, d.sum)
}

func decodeDigest(b []byte) (digest, error) {
	if len(b) != 16 {
		return digest{}, fmt.Errorf("a digest of %d bytes", len(b))
	}
	return digest{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}, nil
}

// A header says what the file is, and of what age.
type header struct {
	// txid is bbolt's number of the transaction that wrote the header, which is
	// every one: a root page from an older transaction, left by a write that
	// never reached the disk, holds another than the meta page that leads to it.
	txid uint64
	// buckets is how many there are, metaName apart.
	buckets uint64
}

func (h header) encode() []byte {
	b := append(make([]byte, 0, 28), magic...)
	b = binary.LittleEndian.AppendUint32(b, formatVersion)
	b = binary.LittleEndian.AppendUint64(b, h.txid)
	return binary.LittleEndian.AppendUint64(b, h.buckets)
}

// decodeHeader returns ErrForeign or ErrNewer where it should.
func decodeHeader(b []byte) (header, error) {
	if len(b) < 12 || string(b[:8]) != magic {
		return header{}, ErrForeign
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v > formatVersion {
		return header{}, fmt.Errorf("format %d: %w", v, ErrNewer)
	} else if v < formatVersion || len(b) != 28 {
		return header{}, fmt.Errorf("a header of %d bytes in format %d", len(b), v)
	}
	return header{binary.LittleEndian.Uint64(b[12:]), binary.LittleEndian.Uint64(b[20:])}, nil
}

// checkName says why name cannot be a bucket's.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("a bucket needs a name")
	case len(name) > maxName:
		return fmt.Errorf("the name of bucket %.32q… is longer than %d bytes", name, maxName)
	case strings.HasPrefix(name, metaName):
		return fmt.Errorf("the name of bucket %q is reserved", name)
	}
	return nil
}
