package sli

import "strings"

// A service is one service's operations and types of errors.
type service struct {
	name       string
	operations map[string]*operation
	// judges are those that may take spans of the service.
	judges []*judge
	// errors has the place of each type of error in names, uses says how many
	// published label sets have counted it, and freed are the places given back.
	errors map[string]uint16
	names  []string
	uses   []uint32
	freed  []uint16
}

// A failure is a type of error of a service.
type failure struct {
	service *service
	place   uint16
}

// errorOf returns the place of a type of error in a service, whether it is
// known, and the limit that it met.
func (g *registry) errorOf(svc *service, kind string) (place uint16, over limits, known bool) {
	if place, known = svc.errors[kind]; known {
		return place, 0, true
	}
	if kind = errorType(kind); full(svc.errors, g.limits.ErrorTypesPerService) && kind != other {
		if _, ok := svc.errors[kind]; !ok {
			kind, over = other, over.with(limitErrorTypes)
		}
	}
	place, known = svc.errors[kind]
	return place, over, known
}

// admitError gives a place to a type of error that errorOf does not know, or to
// _other if it met a limit.
func (g *registry) admitError(svc *service, kind string, over limits) uint16 {
	if kind = errorType(kind); over != 0 {
		kind = other
	}
	place := svc.addError(strings.Clone(kind))
	g.admittedErrors = append(g.admittedErrors, failure{svc, place})
	return place
}

// errorType returns the label error_type of a failed span.
func errorType(kind string) string {
	if kind == "" {
		return "unknown"
	}
	return clip(kind)
}

func (svc *service) addError(kind string) uint16 {
	if n := len(svc.freed); n > 0 {
		place := svc.freed[n-1]
		svc.freed = svc.freed[:n-1]
		svc.names[place], svc.errors[kind] = kind, place
		return place
	}
	place := uint16(len(svc.names))
	svc.names, svc.uses = append(svc.names, kind), append(svc.uses, 0)
	svc.errors[kind] = place
	return place
}

// useError notes that a published label set has begun to count a type of error.
func (svc *service) useError(kind string) {
	place, ok := svc.errors[kind]
	if !ok {
		place = svc.addError(strings.Clone(kind))
	}
	svc.uses[place]++
}

// dropError notes that a published label set has ended to count it.
func (svc *service) dropError(kind string) {
	place := svc.errors[kind]
	svc.uses[place]--
	svc.freeError(place)
}

// freeError gives the place of a type of error back if nothing uses it.
func (svc *service) freeError(place uint16) {
	if svc.uses[place] == 0 {
		delete(svc.errors, svc.names[place])
		svc.names[place] = ""
		svc.freed = append(svc.freed, place)
	}
}
