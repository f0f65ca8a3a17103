package sli

// A limit is one of the limits that bound what spans can make the daemon keep.
type limit uint8

const (
	limitSeries limit = iota
	limitServices
	limitOperations
	limitErrorTypes
	limitValues
	limitKinds
)

// limitNames are the keys of the configuration, which serve as a metric's label.
var limitNames = [limitKinds]string{"series", "services", "operations_per_service", "error_types_per_service", "values_per_dimension"}

func (l Limits) configured() [limitKinds]int {
	return [limitKinds]int{l.Series, l.Services, l.OperationsPerService, l.ErrorTypesPerService, l.ValuesPerDimension}
}

// limits is a set of limits that one span met.
type limits uint8

func (s limits) with(l limit) limits { return s | 1<<l }

func (s limits) has(l limit) bool { return s>>l&1 == 1 }

// An overflow names what met a limit: a service, or _other where it is the
// services themselves that are too many.
type overflow struct {
	service string
	limit   limit
}
