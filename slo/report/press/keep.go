package press

import (
	"fmt"
	"time"
)

// clear removes, after a run was printed, those that are not to be kept, but not
// those that are still to be sent.
func (p *Press) clear(j *job, now time.Time) error {
	if !j.crowded || j.clearing.waits(now) {
		return nil
	}
	if err := p.prune(j, now); err != nil {
		j.clearing.failed(now)
		p.Metrics.failed(j.Name, reasonFolder)
		return fmt.Errorf("remove old runs of the report %q: %w", j.Name, err)
	}
	j.crowded, j.clearing = false, retry{}
	return nil
}

// prune does what clear says, once.
func (p *Press) prune(j *job, now time.Time) error {
	unsent := map[string]bool{}
	for _, d := range p.records[j.Name].Deliveries {
		unsent[d.Run] = true
	}
	return j.folder.prune(now.Add(ahead), func(later int, due time.Time) bool {
		return (j.Keep == 0 || later < j.Keep) && (j.KeepFor == 0 || now.Sub(due) <= j.KeepFor) || unsent[runName(j.Name, due)]
	})
}
