package press

// WriteAgain writes two files of one run of a report, with the same content.
func WriteAgain(folder, report, run string, content []byte) error {
	return newFolder(folder, report).write([]file{{run + ".json", content}, {run + ".csv", content}})
}
