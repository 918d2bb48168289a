package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// maxVerdicts bounds what one check may say.
const maxVerdicts = 2000

// evaluationLimit bounds how long policies may take over one query. All the built-in checks take 50 ms over the facts of a usual audit.
const evaluationLimit = 30 * time.Second

// capabilities are OPA's without anything that reaches outside or gives another answer another time.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		return b.Nondeterministic || strings.HasPrefix(b.Name, "net.lookup") || b.Name == "http.send" || b.Name == "opa.runtime" ||
			b.Name == "print" || b.Name == "trace"
	})
	c.AllowNet = []string{}
	return c
}

// Judge is the compiled policies of a selection.
type Judge struct {
	compiler *ast.Compiler
	data     map[string]any
	checks   []check
	all      rego.PreparedEvalQuery // the built-in ones
	texts    map[string]string      // of the modules, by file
	limit    time.Duration          // of one query
	memory   uint64                 // bytes that evaluating a user's checks may take
	worded   func(text string) string
}

// Compile compiles the selected checks with the helpers, strictly, type-checked against the schema of the facts.
func (l *Library) Compile(ctx context.Context, selection Selection) (*Judge, error) {
	modules := map[string]*ast.Module{}
	judge := &Judge{limit: evaluationLimit, memory: childMemory, data: l.data, texts: map[string]string{}, worded: l.worded}
	for _, helper := range l.helpers {
		modules[helper.file], judge.texts[helper.file] = helper.parsed, helper.text
	}
	for _, check := range l.checks {
		if slices.ContainsFunc(selection.Checks, func(c audit.CheckInfo) bool { return c.ID == check.info.ID }) {
			modules[check.file], judge.texts[check.file] = check.parsed, check.text
			judge.checks = append(judge.checks, check)
		}
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, l.schema) // not schema.input: that would check nothing
	judge.compiler = ast.NewCompiler().WithCapabilities(capabilities()).WithStrict(true).WithSchemas(schemas).WithUseTypeCheckAnnotations(true)
	judge.compiler.Compile(modules)
	if judge.compiler.Failed() {
		return nil, fmt.Errorf("compile the policies: %w", judge.compiler.Errors)
	}
	var err error
	judge.all, err = judge.prepare(ctx, judge.of(false))
	return judge, err
}

// of are the checks of the user, or the built-in ones.
func (j *Judge) of(user bool) []check {
	return slices.DeleteFunc(slices.Clone(j.checks), func(c check) bool { return c.user != user || c.because != "" })
}

// Checks are those that are judged, in the order of the report.
func (j *Judge) Checks() []audit.CheckInfo {
	infos := make([]audit.CheckInfo, len(j.checks))
	for i, check := range j.checks {
		infos[i] = check.info
	}
	return infos
}

// prepare makes one query for several checks, so that what their helpers work out is worked out once. A check without a defined set
// of findings comes out empty.
func (j *Judge) prepare(ctx context.Context, checks []check) (rego.PreparedEvalQuery, error) {
	var query strings.Builder
	query.WriteString("verdicts := {")
	for i, check := range checks {
		if i > 0 {
			query.WriteString(", ")
		}
		fmt.Fprintf(&query, "%q: [finding | some finding in %s.findings]", check.info.ID, check.parsed.Package.Path)
	}
	query.WriteString("}")
	prepared, err := rego.New(rego.Compiler(j.compiler), rego.Store(inmem.NewFromObject(j.data)), rego.Query(query.String()), rego.StrictBuiltinErrors(true)).PrepareForEval(ctx)
	if err != nil {
		return prepared, fmt.Errorf("prepare the policies: %w", err)
	}
	return prepared, nil
}

// Verdicts judges facts. The error of one check, or one that does not come to an end, makes that check inconclusive and leaves the
// others alone.
func (j *Judge) Verdicts(ctx context.Context, facts []byte) (map[string][]audit.Verdict, error) {
	input, err := parseFacts(facts)
	if err != nil {
		return nil, err
	}
	out := map[string][]audit.Verdict{}
	if j.evaluate(ctx, j.all, input, out) != nil {
		j.oneByOne(ctx, j.of(false), out, func(one check) error {
			query, err := j.prepare(ctx, []check{one})
			if err != nil {
				return err
			}
			return j.evaluate(ctx, query, input, out)
		})
	}
	for _, check := range j.checks {
		if check.because != "" {
			out[check.info.ID] = []audit.Verdict{notApplicable(check.because)}
		}
	}
	for id := range out { // the user's are not yet among them
		for i := range out[id] {
			out[id][i].Message, out[id][i].NextStep = j.worded(out[id][i].Message), j.worded(out[id][i].NextStep)
		}
	}
	if user := j.of(true); len(user) > 0 && j.apart(ctx, user, facts, out) != nil {
		j.oneByOne(ctx, user, out, func(one check) error { return j.apart(ctx, []check{one}, facts, out) })
	}
	return out, errors.Join(keepToEnvironments(facts, out), ctx.Err())
}

// keepToEnvironments makes findings inconclusive that are about an environment which the facts do not have. The two of most
// integrations are known without being configured: a finding may say that one is missing.
func keepToEnvironments(facts []byte, out map[string][]audit.Verdict) error {
	var document struct {
		Integration struct {
			Environments []struct {
				Name string `json:"name"`
			} `json:"environments"`
		} `json:"integration"`
	}
	if err := json.Unmarshal(facts, &document); err != nil {
		return fmt.Errorf("read the facts: %w", err)
	}
	known := map[string]bool{"": true, audit.Test: true, audit.Production: true}
	for _, environment := range document.Integration.Environments {
		known[environment.Name] = true
	}
	for _, verdicts := range out {
		for i, verdict := range verdicts {
			if !known[verdict.Environment] {
				verdicts[i] = broken("the policy gave a finding of an environment that there is not", nil)
			}
		}
	}
	return nil
}

// parseFacts makes facts the input of policies.
func parseFacts(facts []byte) (ast.Value, error) {
	decoder := json.NewDecoder(bytes.NewReader(facts))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("read the facts: %w", err)
	}
	input, err := ast.InterfaceToValue(document)
	if err != nil {
		return nil, fmt.Errorf("read the facts: %w", err)
	}
	return input, nil
}

// oneByOne evaluates checks each on its own, since one of them cannot be evaluated.
func (j *Judge) oneByOne(ctx context.Context, checks []check, out map[string][]audit.Verdict, evaluate func(check) error) {
	for _, one := range checks {
		err := evaluate(one)
		if ctx.Err() != nil {
			return
		}
		switch {
		case errors.Is(err, errMemory):
			out[one.info.ID] = []audit.Verdict{broken("the policy of this check crashed, or needed more memory than it may have", err)}
		case errors.Is(err, errEndless):
			out[one.info.ID] = []audit.Verdict{broken("the policy of this check came to no end in time", err)}
		case err != nil:
			out[one.info.ID] = []audit.Verdict{broken("the policy of this check could not be evaluated", err)}
		}
	}
}

// errEndless tells that a query was ended after the judge's limit.
var errEndless = errors.New("the evaluation was ended after its time limit")

func (j *Judge) evaluate(ctx context.Context, query rego.PreparedEvalQuery, input ast.Value, out map[string][]audit.Verdict) error {
	limited, cancel := context.WithTimeout(ctx, j.limit)
	defer cancel()
	results, err := query.Eval(limited, rego.EvalParsedInput(input))
	switch {
	case err != nil && ctx.Err() == nil && limited.Err() != nil:
		return fmt.Errorf("%w of %v", errEndless, j.limit)
	case err != nil:
		return err
	}
	if len(results) != 1 {
		return errors.New("the query is undefined")
	}
	verdicts, ok := results[0].Bindings["verdicts"].(map[string]any)
	if !ok {
		return errors.New("the query gave no verdicts")
	}
	for id, list := range verdicts {
		found, _ := list.([]any)
		if len(found) > maxVerdicts {
			found = found[:maxVerdicts]
			out[id] = append(out[id], broken(fmt.Sprintf("the policy gave more than %d findings; the rest was left out", maxVerdicts), nil))
		}
		for _, one := range found {
			out[id] = append(out[id], decode(one))
		}
	}
	return nil
}

// decode reads one member of a check's findings; one that does not have the shape of a verdict is inconclusive.
func decode(value any) audit.Verdict {
	raw, err := json.Marshal(value)
	if err != nil {
		return broken("the policy gave a finding that is not JSON", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	var shape struct {
		audit.Verdict
		Outcome *audit.Outcome `json:"outcome"`
	}
	if err := decoder.Decode(&shape); err != nil {
		return broken("the policy gave a finding of another shape", err)
	}
	verdict := shape.Verdict
	switch {
	case shape.Outcome == nil || verdict.Message == "" || *shape.Outcome == audit.Waived:
		return broken("the policy gave a finding without an outcome or a message", nil)
	case !slices.Contains([]string{"", audit.Observed, audit.Attested, audit.Declared}, verdict.Basis):
		return broken("the policy gave a finding whose basis is none of observed, attested and declared", nil)
	}
	verdict.Outcome = *shape.Outcome
	return verdict
}

func broken(message string, err error) audit.Verdict {
	evidence := map[string]any{"reason": "policy_error"}
	if err != nil {
		evidence["error"] = err.Error()
	}
	return audit.Verdict{Outcome: audit.Inconclusive, Subject: message, Basis: audit.Observed, Message: message, Evidence: evidence}
}
