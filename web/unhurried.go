package web

import (
	"errors"
	"net/http"
	"time"
)

// stall is how long a client may take for each piece of an unhurried answer: what
// the answer is made of cannot be let go before.
const stall = time.Minute

// piece is how many bytes that is at most.
const piece = 16 << 10

// Unhurried returns w for an answer that takes its time: the server's ends
// of reading and writing, which suit others, do not end it, but a client that
// takes in next to nothing for a minute does.
func Unhurried(w http.ResponseWriter) http.ResponseWriter {
	u := unhurried{w, http.NewResponseController(w)}
	// Without this, the end of reading would end the request's context, and that
	// of writing an answer by HTTP/2 that has not begun. What knows no ends needs none.
	_ = u.control.SetReadDeadline(time.Time{})
	_ = u.control.SetWriteDeadline(time.Time{})
	return u
}

type unhurried struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write implements io.Writer.
func (u unhurried) Write(p []byte) (written int, err error) {
	for len(p) > 0 {
		if err := u.control.SetWriteDeadline(time.Now().Add(stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return written, err
		}
		n, err := u.ResponseWriter.Write(p[:min(len(p), piece)])
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}
