package source

// SetBudget makes steps read about n spans.
func (f *Feed) SetBudget(n int) { f.budget = n }
