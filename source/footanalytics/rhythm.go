package footanalytics

// A day has one of these shapes: how busy the platform is at each full hour,
// UTC, in percent of the busiest hour of the week. Between the hours the load
// moves in a straight line.
var (
	quietDay = [24]int64{12, 9, 7, 6, 6, 7, 9, 13, 18, 22, 25, 27, 29, 30, 30, 31, 33, 36, 40, 44, 45, 40, 30, 19}
	// Matches of the European cups: kick-off at 17:45 and 20:00.
	cupDay = [24]int64{12, 9, 7, 6, 6, 7, 9, 13, 18, 22, 25, 27, 29, 30, 31, 34, 44, 60, 78, 88, 95, 100, 82, 45}
	// Matches of the leagues: from noon to the evening.
	leagueDay = [24]int64{22, 15, 10, 8, 7, 7, 9, 12, 17, 24, 33, 45, 58, 68, 76, 82, 86, 88, 90, 93, 96, 92, 70, 40}
)

// week holds the shape of each day, from Thursday, 1 January 1970 on.
var week = [7]*[24]int64{&quietDay, &quietDay, &leagueDay, &leagueDay, &quietDay, &cupDay, &cupDay}

// load returns how busy the platform is in a slot, in (0, 1].
func load(slot int64) float64 {
	hours, second := slot/3600, slot%3600
	a := week[hours/24%7][hours%24]
	b := week[(hours+1)/24%7][(hours+1)%24]
	return float64(a*(3600-second)+b*second) / (3600 * 100)
}
