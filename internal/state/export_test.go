package state

// OpenUnsynced is Open without a sync at a commit, for tests that open thousands of files.
func OpenUnsynced(path string) (*Store, error) { return openVerified(path, true) }
