package elastic

import (
	"bytes"
	"encoding/json"
)

// Role returns the role of least privilege that reads the spans under a
// prefix, as the body of PUT _security/role/traceslo. Its right to monitor the
// indices covers their settings too.
func Role(indexPrefix string) []byte {
	type indices struct {
		Names      []string `json:"names"`
		Privileges []string `json:"privileges"`
	}
	role := struct {
		Cluster []string  `json:"cluster"`
		Indices []indices `json:"indices"`
	}{
		Cluster: []string{opInfo.privilege},
		Indices: []indices{{
			Names:      []string{spanPattern(indexPrefix)},
			Privileges: []string{opSearch.privilege, opStats.privilege, opRefresh.privilege},
		}},
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(role); err != nil {
		panic(err) // strings alone
	}
	return out.Bytes()
}
