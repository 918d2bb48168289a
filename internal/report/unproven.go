package report

import (
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// Unproven is something that a report leaves open, with what settles it. Its texts are safe to show; they are not escaped for any
// format.
type Unproven struct {
	Why      string   // what was found instead, in a sentence
	Checks   []string // that wait for it
	Step     string   // what settles it, in a sentence
	Settings string   // YAML that belongs into the configuration, "" for none
}

// UnprovenOf lists what a report leaves open, by cause: that for which most checks wait first.
func UnprovenOf(r *audit.Report, o Options) ([]Unproven, error) {
	v, err := newView(r, o)
	if err != nil {
		return nil, err
	}
	var list []Unproven
	for _, c := range v.causes() {
		one := Unproven{Why: clip(Plain(headline(c.Groups[0])), maxMessage), Checks: c.Checks}
		var sentences []string
		for _, block := range Blocks(c.step()) {
			switch {
			case block.Code && one.Settings != "":
				one.Settings += "\n" + block.Text
			case block.Code:
				one.Settings = block.Text
			default:
				sentences = append(sentences, block.Text)
			}
		}
		one.Step = clip(strings.Join(sentences, " "), maxMessage)
		list = append(list, one)
	}
	return list, nil
}
