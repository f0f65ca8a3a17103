package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the folder of the documents.
const root = "../.."

var code = regexp.MustCompile("`([^`\n]+)`")

func read(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rows returns the cells of the first table of README after a heading, without
// its head.
func rows(t *testing.T, heading string) [][]string {
	t.Helper()
	return table(t, heading)[2:]
}

// table returns that table with its head and the line below it.
func table(t *testing.T, heading string) [][]string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, "README.md"), "\n"+heading+"\n")
	if !found {
		t.Fatalf("README has no %q", heading)
	}
	var all [][]string
	for line := range strings.SplitSeq(rest, "\n") {
		if !strings.HasPrefix(line, "|") {
			if len(all) > 0 || strings.HasPrefix(line, "#") {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		all = append(all, cells)
	}
	if len(all) < 3 {
		t.Fatalf("README has no table after %q", heading)
	}
	return all
}

// firsts returns what is code in the first column of that table.
func firsts(t *testing.T, heading string) []string {
	t.Helper()
	var all []string
	for _, row := range rows(t, heading) {
		all = append(all, codes(row[0])...)
	}
	return all
}

// codes returns what stands between backquotes.
func codes(cell string) []string {
	var all []string
	for _, m := range code.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

// blocks returns the fenced blocks of a language.
func blocks(text, language string) []string {
	var all []string
	for {
		_, rest, found := strings.Cut(text, "\n```"+language+"\n")
		if !found {
			return all
		}
		block, after, _ := strings.Cut(rest, "\n```\n")
		all, text = append(all, block), "\n"+after
	}
}
