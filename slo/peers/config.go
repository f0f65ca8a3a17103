package peers

import (
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/traceslo/traceslo/internal/config"
)

// Config is the section peers: where the readers are that share the reading.
type Config struct {
	// Addresses are the base URLs of all readers, this one among them, in the
	// order of their numbers in --shard. Default: none; each tells of its part alone.
	Addresses []string `yaml:"addresses"`
	// HTTPConfigFile is the absolute path of a file that says how to reach them,
	// by TLS or with credentials, as promtool reads it. Default: none.
	HTTPConfigFile string `yaml:"http_config_file"`
}

// Validate returns what is wrong with the section.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	seen := map[string]int{}
	for i, address := range c.Addresses {
		path := fmt.Sprintf("addresses[%d]", i)
		u, err := url.Parse(address)
		first, twice := seen[address]
		seen[address] = i
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
			faults = append(faults, config.Fault{Path: path, Problem: "is not an http or https URL", Cure: "write one as http://traceslo-0:9924"})
		case u.User != nil:
			faults = append(faults, config.Fault{Path: path, Problem: "holds a user or a password", Cure: "write them into the file that http_config_file names"})
		case u.RawQuery != "" || u.Fragment != "":
			faults = append(faults, config.Fault{Path: path, Problem: "has a query or a fragment", Cure: "write the base URL alone"})
		case twice:
			faults = append(faults, config.Fault{Path: path, Problem: fmt.Sprintf("is that of addresses[%d] already", first), Cure: "write that of another reader"})
		}
	}
	if len(c.Addresses) == 1 {
		faults = append(faults, config.Fault{Path: "addresses", Problem: "names one reader", Cure: "name all of them, or leave it out"})
	}
	if c.HTTPConfigFile != "" && !filepath.IsAbs(c.HTTPConfigFile) {
		faults = append(faults, config.Fault{Path: "http_config_file", Problem: "is not an absolute path", Cure: "write one that begins with /"})
	}
	return faults
}
