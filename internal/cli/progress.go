package cli

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// progress reports on standard error how the probes advance: a live line each on a terminal, a
// plain line at the end of each otherwise.
type progress struct {
	app  *app
	live *mpb.Progress // nil: no terminal

	hidden bool

	mu    sync.Mutex
	lines map[string]*line
}

type line struct {
	bar         *mpb.Bar
	begun       time.Time
	done, total int
	said        string // how it ended
}

func (a *app) newProgress() *progress {
	p := &progress{app: a, lines: map[string]*line{}, hidden: a.quiet || a.noProgress}
	if p.hidden {
		return p
	}
	if width, is := terminal(a.Err); is && a.canRedraw() {
		p.live = mpb.New(mpb.WithOutput(destinationOf(a.Err)), mpb.WithWidth(width), mpb.WithRefreshRate(100*time.Millisecond), mpb.PopCompletedMode())
	}
	return p
}

// canRedraw reports whether lines can be written over on standard error: not on a dumb terminal,
// nor on one without a size, of which nothing would be seen.
func (a *app) canRedraw() bool {
	if name, _ := a.LookupEnv("TERM"); name == "dumb" {
		return false
	}
	file, ok := destinationOf(a.Err).(*os.File)
	if !ok {
		return false
	}
	width, height, err := term.GetSize(int(file.Fd()))
	return err == nil && width > 0 && height > 0
}

// Start implements runner.Progress.
func (p *progress) Start(probe audit.Probe) {
	l := &line{begun: time.Now()}
	if p.live != nil { // not under the lock: the renderer takes it to ask for a line's text
		l.bar = p.newBar(probe, l)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines[probe.Name()] = l
}

func (p *progress) newBar(probe audit.Probe, l *line) *mpb.Bar {
	return p.live.New(1, mpb.SpinnerStyle().PositionLeft(), mpb.BarWidth(2), mpb.BarFillerClearOnComplete(),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return p.text(probe, l) })))
}

func (p *progress) text(probe audit.Probe, l *line) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case l.said != "":
		return l.said
	case l.total > 0:
		return fmt.Sprintf("%-22s %d of %d%s", probe.Title(), l.done, l.total, timeLeft(l.done, l.total, time.Since(l.begun)))
	case l.done > 0:
		return fmt.Sprintf("%-22s %d", probe.Title(), l.done)
	}
	return probe.Title()
}

// timeLeft says how long a probe still takes at the speed so far, once that can be told.
func timeLeft(done, total int, took time.Duration) string {
	if done <= 0 || done >= total || took < 2*time.Second {
		return ""
	}
	left := time.Duration(float64(took) / float64(done) * float64(total-done))
	return ", about " + max(left.Round(time.Second), time.Second).String() + " left"
}

// Step implements runner.Progress.
func (p *progress) Step(probe audit.Probe, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.lines[probe.Name()]; l != nil {
		l.done, l.total = max(l.done, done), max(l.total, total)
	}
}

// notice prints a line at once.
func (p *progress) notice(text string) {
	text = p.app.redactor.RedactString(text) + "\n"
	if p.live != nil {
		_, _ = p.live.Write([]byte(text)) // nobody can be told that standard error does not work
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprint(p.app.Err, text)
}

// End implements runner.Progress.
func (p *progress) End(probe audit.Probe, status audit.ProbeStatus) {
	p.mu.Lock()
	l := p.lines[probe.Name()]
	if l == nil || l.said != "" {
		p.mu.Unlock()
		return
	}
	l.said = fmt.Sprintf("%-22s %s", probe.Title(), howItEnded(status, time.Since(l.begun)))
	said := p.app.redactor.RedactString(l.said)
	l.said = said
	if l.bar == nil && !p.hidden { // under the lock: probes end side by side, and Err need not be safe for that
		fmt.Fprintln(p.app.Err, said)
	}
	p.mu.Unlock()
	if l.bar != nil {
		l.bar.SetCurrent(1)
	}
}

func howItEnded(status audit.ProbeStatus, took time.Duration) string {
	switch status.State {
	case audit.ProbeComplete:
		return "done in " + took.Round(10*time.Millisecond).String()
	case audit.ProbeCutShort:
		return "cut short"
	}
	return "failed: " + status.Reason
}

// close ends the live lines, also those of probes that did not end.
func (p *progress) close() {
	if p.live == nil {
		return
	}
	p.mu.Lock()
	var open []*mpb.Bar
	for _, l := range p.lines {
		if l.said == "" && l.bar != nil {
			open = append(open, l.bar)
		}
	}
	p.mu.Unlock()
	for _, bar := range open {
		bar.Abort(false)
	}
	p.live.Wait()
}
