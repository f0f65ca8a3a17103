package openslo

import (
	"bytes"
	"regexp"
)

// maxDocuments bounds the documents of one file: each is read with a line for
// every line before it.
const maxDocuments = 1000

// marker begins a document. YAML knows no text, however it is quoted, in which
// such a line is part of a value (YAML 1.2, 9.1.2).
var marker = regexp.MustCompile(`(?m)^---(?:[ \t\r]|$)`)

// split returns the documents of a file, each with as many empty lines before
// it as it takes for its lines to be numbered as those of the file. Documents of
// nothing but comments are left out. ok is unset if there are more than
// maxDocuments.
func split(text []byte) (documents [][]byte, ok bool) {
	begins := []int{0}
	for _, m := range marker.FindAllIndex(text, -1) {
		if m[0] > 0 {
			begins = append(begins, m[0])
		}
	}
	line := 0
	for i, begin := range begins {
		end := len(text)
		if i+1 < len(begins) {
			end = begins[i+1]
		}
		piece := text[begin:end]
		if !empty(piece) {
			if len(documents) == maxDocuments {
				return nil, false
			}
			documents = append(documents, append(bytes.Repeat([]byte("\n"), line), piece...))
		}
		line += bytes.Count(piece, []byte("\n"))
	}
	return documents, true
}

// empty tells whether a piece of a file holds no more than its marker and comments.
func empty(piece []byte) bool {
	for line := range bytes.Lines(bytes.TrimPrefix(piece, []byte("---"))) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}
