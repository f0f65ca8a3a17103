package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// pictureFolder holds the pictures that README shows; TestPagesInABrowser makes
// them.
const pictureFolder = "docs/pictures"

// TestPicturesOfREADMEAreThereAndSmall compares the pictures with README.
func TestPicturesOfREADMEAreThereAndSmall(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, m := range regexp.MustCompile(`!\[[^\]]+\]\(([^)]+)\)`).FindAllSubmatch(readme, -1) {
		shown[string(m[1])] = true
	}
	files, err := filepath.Glob("../../" + pictureFolder + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := pictureFolder + "/" + filepath.Base(file)
		if !shown[name] {
			t.Errorf("README does not show %s", name)
		}
		delete(shown, name)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 150_000 {
			t.Errorf("%s has %d bytes", name, info.Size())
		}
	}
	for name := range shown {
		t.Errorf("README shows %s, which is not in %s", name, pictureFolder)
	}
	if len(files) == 0 {
		t.Error("there is no picture")
	}
}
