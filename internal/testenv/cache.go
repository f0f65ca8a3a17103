package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// CacheDir returns the folder outside the tree that holds what was fetched and built: TRACESLO_CACHE, or traceslo in the
// user's cache folder. For root whose home is closed to others it is /var/cache/traceslo, as the servers refuse to run
// as root and another user must be able to read them.
func CacheDir() (string, error) {
	if d := os.Getenv("TRACESLO_CACHE"); d != "" {
		return filepath.Abs(d)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache folder: %w; set TRACESLO_CACHE", err)
	}
	if os.Getuid() == 0 && !reachable(base) {
		base = "/var/cache"
	}
	return filepath.Join(base, "traceslo"), nil
}

// reachable reports whether every folder on the way to dir, as far as it exists, may be entered by any user.
func reachable(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		fi, err := os.Stat(dir)
		if err == nil && fi.IsDir() && fi.Mode().Perm()&0o001 == 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// ensure returns the folder name in the cache, and has fill make it if it is not there. Of several processes one fills
// and the others wait. fill writes to a temporary folder that takes its final name only when complete, so what stands
// in the cache is whole.
func ensure(cache, name string, log Log, fill func(dir string) error) (string, error) {
	final := filepath.Join(cache, name)
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	temps := filepath.Join(cache, "tmp")
	for _, d := range []string{temps, filepath.Join(cache, "locks"), filepath.Dir(final)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", err
		}
	}
	flat := strings.ReplaceAll(name, "/", "_")
	unlock, err := lock(filepath.Join(cache, "locks", flat))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	temp := filepath.Join(temps, flat)
	// What a killed process left half done; the lock says that nobody is at it.
	if err := os.RemoveAll(temp); err != nil {
		return "", err
	}
	if err := os.Mkdir(temp, 0o755); err != nil {
		return "", err
	}
	start := time.Now()
	log("%s: getting it", name)
	if err := fill(temp); err != nil {
		_ = os.RemoveAll(temp)
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if err := os.Rename(temp, final); err != nil {
		return "", err
	}
	log("%s: done in %s", name, time.Since(start).Round(100*time.Millisecond))
	return final, nil
}
