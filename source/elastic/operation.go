package elastic

// An operation is a kind of request.
type operation struct {
	// name is a metric's label.
	name string
	// act says in an error what was to be done.
	act string
	// privilege is what it needs, in Elasticsearch's words: on the cluster or
	// on the indices.
	privilege string
	onCluster bool
}

var (
	opStats    = operation{name: "stats", act: "survey", privilege: "monitor"}
	opWrites   = operation{name: "writes", act: "count the writes to", privilege: "monitor"}
	opSettings = operation{name: "settings", act: "read the settings of", privilege: "monitor"}
	opRefresh  = operation{name: "refresh", act: "refresh", privilege: "maintenance"}
	opSearch   = operation{name: "search", act: "search", privilege: "read"}
	// A search for doc values instead of documents.
	opLean = operation{name: "lean_search", act: "search", privilege: "read"}
	// Several searches that count.
	opCount = operation{name: "count", act: "count", privilege: "read"}
	opInfo  = operation{name: "info", act: "identify", privilege: "monitor", onCluster: true}
	opClock = operation{name: "clock", act: "ask the time of", privilege: "monitor", onCluster: true}
)

// Operations returns the words that Options.Observe gets for operations, so
// that metrics can start them at zero.
func Operations() []string {
	var names []string
	for _, o := range []operation{opStats, opWrites, opSettings, opRefresh, opSearch, opLean, opCount, opInfo, opClock} {
		names = append(names, o.name)
	}
	return names
}
