package config

// Nearest is the known word that a misspelt one was probably meant to be, "" if none is near.
func Nearest(word string, known []string) string {
	if best, near := nearest(word, known); near {
		return best
	}
	return ""
}
