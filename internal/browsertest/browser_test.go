package browsertest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", "", "directory to put pictures and the PDF in, to look at")

// browser is Chromium with one page; requests collects what it asks for, complaints what it writes
// to its console.
type browser struct {
	ctx                  context.Context
	mu                   sync.Mutex
	requests, complaints []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	allocator, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(1280, 900))...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute) // on a machine that does much else
	t.Cleanup(cancel)
	b := &browser{ctx: ctx}
	b.do(t, chromedp.Navigate("about:blank"))
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch event := event.(type) {
		case *network.EventRequestWillBeSent:
			b.requests = append(b.requests, event.Request.URL)
		case *runtime.EventConsoleAPICalled:
			b.complaints = append(b.complaints, fmt.Sprint(event.Args))
		case *runtime.EventExceptionThrown:
			b.complaints = append(b.complaints, event.ExceptionDetails.Text)
		case *cdppage.EventJavascriptDialogOpening:
			b.complaints = append(b.complaints, "dialog: "+event.Message)
		case *log.EventEntryAdded:
			b.complaints = append(b.complaints, event.Entry.Text+" "+event.Entry.URL)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// get runs an action and returns its value.
func get[T any](t *testing.T, b *browser, action chromedp.Action[T]) T {
	t.Helper()
	value, err := chromedp.Run(b.ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// js evaluates an expression on the page.
func js[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	return get(t, b, chromedp.Evaluate[T](expression))
}

// keep stores a picture when pictures are asked for.
func keep(t *testing.T, name string, content []byte) {
	t.Helper()
	if *screenshots == "" {
		return
	}
	if err := errors.Join(os.MkdirAll(*screenshots, 0o755), os.WriteFile(filepath.Join(*screenshots, name), content, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// media makes the page believe in a color scheme and, unless it is empty, in a medium.
func (b *browser) media(t *testing.T, medium, scheme string) {
	t.Helper()
	params := emulation.SetEmulatedMediaParams{Media: medium, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, params); err != nil {
		t.Fatal(err)
	}
}

// tool is a file of the npm packages axe-core and vnu-jar, as .ci/run installs them next to this module.
func tool(t *testing.T, path ...string) string {
	t.Helper()
	file := filepath.Join(append([]string{"node_modules"}, path...)...)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("%s is not installed: run npm ci in this directory", path[0])
	}
	return file
}

// axeCore is the source of axe-core.
func axeCore(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(tool(t, "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// audit is what axe-core finds on the page against WCAG 2.2 AA and its own best practices.
func (b *browser) audit(t *testing.T, axe string) []string {
	t.Helper()
	b.do(t, chromedp.Evaluate[chromedp.Void]("window.found = undefined; "+axe+`;window.axe.run().then(r => window.found = r.passes.length < 10 ? ['axe-core applied few rules'] : r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).slice(0, 3).join(', ')))`))
	b.do(t, chromedp.Poll[chromedp.Void](`window.found !== undefined`))
	return js[[]string](t, b, `window.found`)
}
