package source

// What was stored before a catching up began is its backlog, and is read
// oldest first. What is stored meanwhile must not wait for that: it is read
// ahead, before anything of the backlog, so that each shard is read at two
// ends until they meet. Both ends are kept with the position, as a restart
// must not count again what was read ahead.

// ahead returns how many numbers were read ahead.
func (s *shardPosition) ahead() int64 {
	if s.Ahead == 0 {
		return 0
	}
	return s.AheadRead - (s.Ahead - 1)
}

// top returns the highest number that is counted.
func (s *shardPosition) top() int64 {
	if s.Ahead == 0 {
		return s.Read
	}
	return s.AheadRead
}

// mark begins to read ahead what comes after a number.
func (s *shardPosition) mark(number int64) { s.Ahead, s.AheadRead = number+1, number }

// advance notes that a range that begins after a number was read up to another.
func (s *shardPosition) advance(after, last int64) {
	switch {
	case s.Ahead > 0 && after >= s.Ahead-1:
		s.AheadRead = last
	case s.Ahead > 0 && last == s.Ahead-1:
		// The ends meet.
		s.Read, s.Ahead, s.AheadRead = s.AheadRead, 0, 0
	default:
		s.Read = last
	}
}

// rewind takes back what was read above a number, and returns how much that was.
func (s *shardPosition) rewind(number int64) (lost int64) {
	before := s.Read + s.ahead()
	if s.Ahead > 0 {
		s.AheadRead = min(s.AheadRead, number)
		if s.AheadRead < s.Ahead-1 {
			s.Ahead, s.AheadRead = 0, 0
		}
	}
	s.Read = min(s.Read, number)
	return before - s.Read - s.ahead()
}
