package verdict

import (
	"fmt"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// Follows reports why a report cannot have come from the policies with that catalog: a check that they do not have or that they
// describe otherwise, such as a required one as recommended, a required check that is missing although the report is not partial, and
// a checklist that leaves out a check.
func Follows(r *audit.Report, catalog []audit.CheckInfo) error {
	present := map[string]bool{}
	for _, check := range r.Checks {
		at := slices.IndexFunc(catalog, func(info audit.CheckInfo) bool { return info.ID == check.ID })
		if at < 0 {
			return fmt.Errorf("the policies have no check %.80q", check.ID)
		}
		present[check.ID] = true
		info := catalog[at]
		for _, field := range []struct{ name, is, want string }{
			{"level", check.Level, info.Level}, {"severity", check.Severity, info.Severity}, {"title", check.Title, info.Title},
			{"section", check.Section, info.Section}, {"remediation", check.Remediation, info.Remediation},
			{"checklist items", fmt.Sprint(check.Items), fmt.Sprint(orEmpty(info.Items))},
		} {
			if field.is != field.want {
				return fmt.Errorf("the %s of %s is %.80q, the policies say %.80q", field.name, check.ID, field.is, field.want)
			}
		}
	}
	for _, info := range catalog {
		if info.Level == audit.Required && !present[info.ID] && !r.Partial {
			return fmt.Errorf("the required check %s is missing, and the report does not say that it is partial", info.ID)
		}
	}
	for _, check := range r.Checks {
		for _, number := range check.Items {
			if check.Level == audit.Required && !slices.ContainsFunc(r.Checklist, func(item audit.ChecklistItem) bool {
				return item.Item == number && slices.Contains(item.Checks, check.ID)
			}) {
				return fmt.Errorf("item %d of the checklist leaves out %s", number, check.ID)
			}
		}
	}
	return nil
}
