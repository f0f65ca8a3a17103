// Package slo says what the counts owe: objectives, windows, the ledger of good
// and total events per minute, budgets and burn rates.
//
// Its place in the flow is between the counting and what is said of it:
//
//	source ← sli ← slo ← {rules, dashboards, slo/report} ← cmd/traceslo
//
// It leaves the judging of spans to sli, and all rendering to the packages
// after it, which share the names of series and labels from here. It writes
// nothing but the records of its ledger, in the transaction it is handed.
package slo
