package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// Rules of this file: a user's own policies are evaluated in a process of their own, which is this program again. OPA bounds neither
// the memory of an evaluation nor the time of a single built-in function, so a policy can only be stopped together with its process.
// The process has no variables and no arguments; what it needs comes on its standard input. On Linux the kernel bounds its memory;
// elsewhere only the watchdog does, which one large allocation can outrun.

// childName is the name under which this program evaluates policies.
const childName = "prelaunch-policies"

const (
	childMemory = 512 << 20 // bytes that an evaluation may hold, unless a test lowers them
	childOutput = 64 << 20  // bytes of findings that are read
	childLookAt = 5 * time.Millisecond
	exitMemory  = 3
)

var errMemory = errors.New("the evaluation was ended: it crashed, or needed more memory than it may have")

// work is what such a process is given.
type work struct {
	Modules map[string]string `json:"modules"` // file → text
	Checks  map[string]string `json:"checks"`  // id → file
	Data    map[string]any    `json:"data"`
	Facts   json.RawMessage   `json:"facts"`
	Limit   time.Duration     `json:"limit"`
	Memory  uint64            `json:"memory"` // bytes
}

// result is what it answers.
type result struct {
	Verdicts map[string][]audit.Verdict `json:"verdicts"`
	Endless  bool                       `json:"endless"`
	Error    string                     `json:"error"`
}

// init is where the process begins: in whatever program holds this package, tests included, and before anything of that program runs.
func init() {
	if len(os.Args) == 1 && os.Args[0] == childName {
		os.Exit(evaluateWork(os.Stdin, os.Stdout))
	}
}

// apart evaluates checks in a process of their own.
func (j *Judge) apart(ctx context.Context, checks []check, facts []byte, out map[string][]audit.Verdict) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	given := work{Modules: j.texts, Checks: map[string]string{}, Data: j.data, Facts: facts, Limit: j.limit, Memory: j.memory}
	for _, check := range checks {
		given.Checks[check.info.ID] = check.file
	}
	input, err := json.Marshal(given)
	if err != nil {
		return fmt.Errorf("hand over the policies: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, j.limit+j.limit/2) // the process ends by itself before, unless a function keeps it
	defer cancel()
	cmd := exec.CommandContext(limited, program)
	cmd.Args, cmd.Env = []string{childName}, []string{}
	cmd.Stdin = bytes.NewReader(input)
	cmd.WaitDelay = time.Second
	answer, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("evaluate the policies: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("evaluate the policies: %w", err)
	}
	raw, _ := io.ReadAll(io.LimitReader(answer, childOutput+1)) // what is missing is not JSON
	if len(raw) > childOutput {
		cancel()
	}
	ended := cmd.Wait()
	var got result
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case len(raw) > childOutput:
		return fmt.Errorf("the policies gave more than %d MB of findings", childOutput>>20)
	case limited.Err() != nil:
		return fmt.Errorf("%w of %v", errEndless, j.limit)
	case ended != nil || json.Unmarshal(raw, &got) != nil:
		return fmt.Errorf("%w (%d MB)", errMemory, j.memory>>20)
	case got.Endless:
		return fmt.Errorf("%w of %v", errEndless, j.limit)
	case got.Error != "":
		return errors.New(got.Error)
	}
	for id, verdicts := range got.Verdicts {
		out[id] = append(out[id], verdicts...)
	}
	return nil
}

// evaluateWork is the process: it reads work and writes a result. It returns the exit status.
func evaluateWork(in io.Reader, out io.Writer) int {
	answer := func(r result) int {
		if json.NewEncoder(out).Encode(r) != nil {
			return 1
		}
		return 0
	}
	var given work
	if err := json.NewDecoder(in).Decode(&given); err != nil {
		return 1
	}
	boundMemory(given.Memory)
	debug.SetMemoryLimit(int64(given.Memory / 4 * 3)) // garbage is collected harder before that
	go watchMemory(given.Memory)
	judge := &Judge{limit: given.Limit, data: given.Data}
	modules := map[string]*ast.Module{}
	for file, text := range given.Modules {
		parsed, err := ast.ParseModuleWithOpts(file, text, parserOptions())
		if err != nil {
			return answer(result{Error: err.Error()})
		}
		modules[file] = parsed
	}
	for id, file := range given.Checks {
		judge.checks = append(judge.checks, check{module: module{file: file, parsed: modules[file]}, info: audit.CheckInfo{ID: id}})
	}
	judge.compiler = ast.NewCompiler().WithCapabilities(capabilities()) // types were checked before
	if judge.compiler.Compile(modules); judge.compiler.Failed() {
		return answer(result{Error: judge.compiler.Errors.Error()})
	}
	input, err := parseFacts(given.Facts)
	if err != nil {
		return answer(result{Error: err.Error()})
	}
	query, err := judge.prepare(context.Background(), judge.checks)
	if err != nil {
		return answer(result{Error: err.Error()})
	}
	found := result{Verdicts: map[string][]audit.Verdict{}}
	if err := judge.evaluate(context.Background(), query, input, found.Verdicts); err != nil {
		return answer(result{Endless: errors.Is(err, errEndless), Error: err.Error()})
	}
	return answer(found)
}

// watchMemory ends the process when its heap is larger than it may be.
func watchMemory(limit uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for range time.Tick(childLookAt) {
		if metrics.Read(sample); sample[0].Value.Uint64() > limit {
			os.Exit(exitMemory)
		}
	}
}
