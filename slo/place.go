package slo

// other is the value that stands for those beyond ForEachLimit.
const other = "_other"

// seriesOf returns the series of a value of a measure, and makes it if there is
// none and the limit allows it.
func (s *saving) seriesOf(measure int, value string) *series {
	name := seriesName{measure, value}
	of := s.takes[name]
	if of == nil {
		of = s.placeOf(measure, value)
		s.takes[name] = of
	}
	return of
}

// placeOf finds the series for seriesOf.
func (s *saving) placeOf(measure int, value string) *series {
	o := s.objectives[measure]
	key := seriesKey{o.measure.key(), value}
	found := s.series[key]
	if found != nil && (found.visible || o.ForEach == "") {
		return found
	}
	if o.active >= o.ForEachLimit && value != other {
		if !o.overflowed {
			o.overflowed = true
			s.log.Warn().Str("slo", o.Name).Int("for_each_limit", o.ForEachLimit).Msg("more values are seen than for_each_limit; the others share the objective of _other")
		}
		return s.seriesOf(measure, other)
	}
	if value != other {
		o.active++
	}
	if found == nil {
		found = s.admit(key, o, s.step.Now)
	}
	found.visible = true
	return found
}
