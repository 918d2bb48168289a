package source

// BoundTeams has a team that shares a source have few configurations and files.
func (r *Reader) BoundTeams(files, entries int) {
	r.bounds.ofTeam = census{files: files, entries: entries}
}
