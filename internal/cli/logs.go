package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Rules of this file: libraries log by themselves, and what they log may repeat what an audited
// system sent: net/http prints bytes that follow a response. So the default loggers of log and slog
// write here. Nothing of it is shown unless --log-level asks for it, and what is shown has excerpts
// withheld and keys and signatures redacted. (OPA logs by logrus, but only to a logger that it is
// given.)

// logOutput is where one call of the program logs to.
type logOutput struct {
	level    slog.LevelVar
	redactor atomic.Pointer[secret.Redactor]
	handler  slog.Handler
}

// defaultLogLevel shows what a library warns of. What goes through package log has the level
// "info".
const defaultLogLevel = "warn"

func newLogOutput(w io.Writer) *logOutput {
	o := &logOutput{}
	o.level.Set(slog.LevelWarn)
	o.format(w, "text")
	return o
}

func (o *logOutput) format(w io.Writer, format string) {
	options := &slog.HandlerOptions{Level: &o.level, ReplaceAttr: o.attribute}
	o.handler = slog.NewTextHandler(w, options)
	if format == "json" {
		o.handler = slog.NewJSONHandler(w, options)
	}
}

// configure applies --log-level and --log-format.
func (o *logOutput) configure(w io.Writer, level, format string) error {
	var parsed slog.Level
	if err := parsed.UnmarshalText([]byte(level)); err != nil {
		return fmt.Errorf("--log-level is debug, info, warn or error, not %.20q", level)
	}
	if format != "text" && format != "json" {
		return fmt.Errorf("--log-format is text or json, not %.20q", format)
	}
	libraryLogs.mu.Lock()
	defer libraryLogs.mu.Unlock()
	o.level.Set(parsed)
	o.format(w, format)
	return nil
}

func (o *logOutput) attribute(_ []string, attr slog.Attr) slog.Attr {
	switch value := attr.Value.Resolve(); value.Kind() {
	case slog.KindString, slog.KindAny:
		if _, isLevel := value.Any().(slog.Level); !isLevel {
			attr.Value = slog.StringValue(o.withhold(value.String()))
		}
	}
	return attr
}

var (
	quoted = lazy.Regexp("\"(?:[^\"\\\\]|\\\\.)*\"?|`[^`]*`?")
	opaque = lazy.Regexp(`[0-9A-Za-z+/=_-]{32,}`)
)

// withhold takes out of a text whatever could be an excerpt, a key or a signature.
func (o *logOutput) withhold(text string) string {
	text = o.redactor.Load().RedactString(text)
	text = quoted().ReplaceAllString(text, "(withheld)")
	return opaque().ReplaceAllString(text, "(withheld)")
}

// libraryLogs hands the records of the default loggers to every call of the program that is under
// way. There is one in a process, except in tests.
var libraryLogs = struct {
	install sync.Once
	mu      sync.Mutex
	outputs map[*logOutput]bool
}{outputs: map[*logOutput]bool{}}

// captureLogs makes the default loggers write to o until the function that it returns is called.
func captureLogs(o *logOutput) (release func()) {
	libraryLogs.install.Do(func() {
		slog.SetDefault(slog.New(fanOut{})) // which makes package log write to it too
	})
	libraryLogs.mu.Lock()
	defer libraryLogs.mu.Unlock()
	libraryLogs.outputs[o] = true
	return func() {
		libraryLogs.mu.Lock()
		defer libraryLogs.mu.Unlock()
		delete(libraryLogs.outputs, o)
	}
}

// fanOut is the handler of the default loggers. derive holds what With and WithGroup add.
type fanOut struct {
	derive []func(slog.Handler) slog.Handler
}

func (f fanOut) Enabled(ctx context.Context, level slog.Level) bool {
	libraryLogs.mu.Lock()
	defer libraryLogs.mu.Unlock()
	for o := range libraryLogs.outputs {
		if o.handler.Enabled(ctx, level) {
			return true
		}
	}
	return false
}

func (f fanOut) Handle(ctx context.Context, record slog.Record) error {
	libraryLogs.mu.Lock()
	defer libraryLogs.mu.Unlock()
	for o := range libraryLogs.outputs {
		handler := o.handler
		if !handler.Enabled(ctx, record.Level) {
			continue
		}
		for _, derive := range f.derive {
			handler = derive(handler)
		}
		if err := handler.Handle(ctx, record.Clone()); err != nil {
			return err
		}
	}
	return nil
}

func (f fanOut) with(derive func(slog.Handler) slog.Handler) slog.Handler {
	return fanOut{derive: append(f.derive[:len(f.derive):len(f.derive)], derive)}
}

func (f fanOut) WithAttrs(attrs []slog.Attr) slog.Handler {
	return f.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

func (f fanOut) WithGroup(name string) slog.Handler {
	return f.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}
