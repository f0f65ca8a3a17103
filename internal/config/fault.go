package config

// A Fault is one thing wrong with a configuration.
type Fault struct {
	// Path leads to the value within the section that was checked, as in
	// "buckets[3]" or "limits.series"; "" is the section itself.
	Path string
	// Problem says what is wrong, and Cure what to write instead. Both are
	// without a full stop, and neither holds a secret.
	Problem, Cure string
	// Warning holds for what is allowed and probably not meant.
	Warning bool
}
