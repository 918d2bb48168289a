package behaviors

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// bench is a receiver on the bench with everything that is needed to write to it by hand.
type bench struct {
	*sandbox.Receiver
	t                       *testing.T
	key, otherKey, retired  string
	authority               *certs.Authority
	client                  *http.Client
	host, path, integration string
}

const knownUser = "KNOWN0001"

func newBench(t *testing.T, behaviors ...sandbox.Behavior) *bench {
	t.Helper()
	b := &bench{t: t, key: sandbox.RandomHex(20), otherKey: sandbox.RandomHex(20), retired: sandbox.RandomHex(20), host: "hooks.acme.example", path: "/begini", integration: "1234567890987654321"}
	b.authority = certs.New(time.Now())
	r, err := sandbox.Start(sandbox.Options{
		Authority: b.authority, Host: b.host, Path: b.path, Key: secret.New([]byte(b.key)), IntegrationID: b.integration, Behaviors: behaviors,
		OtherKey: secret.New([]byte(b.otherKey)), RetiredKey: secret.New([]byte(b.retired)), KnownUIDs: []string{knownUser},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Receiver = r
	b.client = b.newClient(r.Addresses()[0])
	t.Cleanup(func() {
		b.client.CloseIdleConnections()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) newClient(address string) *http.Client {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: b.authority.Pool(), Certificates: []tls.Certificate{b.authority.Client("bench")}}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// sent is a request made by hand. The zero signature sends no header.
type sent struct {
	method, path, query string
	header              http.Header
	body                string
	signatures          []string
	uid                 string
	timeout             time.Duration // how long to wait where no answer is expected; 0: as long as it takes
}

// eventOf is a fresh event of that type, unsigned.
func (b *bench) eventOf(eventType string) sent {
	uid := "PRELAUNCH" + sandbox.RandomHex(6)
	for _, behavior := range b.Options.Behaviors {
		if behavior.Setup.KnownUIDs || behavior.Setup.HiddenUIDs {
			uid = knownUser
		}
	}
	body := fmt.Sprintf(`{"uid":%q,"integration_id":%q,"event":{"type":%q,"details":{"application_started_at":1}}}`, uid, b.integration, eventType)
	return sent{method: http.MethodPost, path: b.path, header: http.Header{"Content-Type": {"application/json"}}, body: body, uid: uid}
}

func (b *bench) unsigned() sent { return b.eventOf("application.complete") }
func (b *bench) genuine() sent  { return b.sign(b.unsigned()) }

func (b *bench) sign(s sent) sent { return s.signedWith(b.key) }

// signed is a signed request of any body.
func (b *bench) signed(body string) sent {
	s := b.unsigned()
	s.body = body
	return b.sign(s)
}

func (s sent) signedWith(key string) sent {
	return s.with(hex.EncodeToString(sandbox.HmacSHA512([]byte(key), []byte(s.body))))
}

func (s sent) with(signatures ...string) sent {
	s.signatures = signatures
	return s
}

// changed changes the body and leaves the signature.
func (s sent) changed(old, new string) sent {
	s.body = strings.Replace(s.body, old, new, 1)
	return s
}

func (s sent) headed(name, value string) sent {
	s.header = s.header.Clone()
	s.header.Set(name, value)
	return s
}

func (s sent) typed(contentType string) sent {
	if contentType == "" {
		s.header = s.header.Clone()
		s.header.Del("Content-Type")
		return s
	}
	return s.headed("Content-Type", contentType)
}

func (s sent) by(method string) sent {
	s.method = method
	return s
}

func (s sent) at(path string) sent {
	s.path = path
	return s
}

// seen is what came back.
type seen struct {
	status int // 0: no answer
	failed string
	text   string // header and body
	body   string
}

// String says what came back and, as "taken", whether the event was processed.
func (b *bench) outcome(s sent) string {
	got := b.do(s)
	out := fmt.Sprint(got.status)
	if got.failed != "" {
		out = got.failed
	}
	if s.uid != "" && b.Events.Processed(s.uid) > 0 {
		out += " taken"
	}
	return out
}

func (b *bench) do(s sent) seen {
	b.t.Helper()
	return b.doWith(b.client, "https", s)
}

func (b *bench) doWith(client *http.Client, scheme string, s sent) seen {
	b.t.Helper()
	ctx := context.Background()
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.timeout)
		defer cancel()
	}
	request, err := http.NewRequestWithContext(ctx, s.method, scheme+"://"+b.host+s.path+s.query, strings.NewReader(s.body))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Host = s.header.Get("Host") // "": that of the URL
	request.Header = s.header.Clone()
	if s.signatures != nil {
		request.Header[sandbox.SignatureHeader] = s.signatures
	}
	response, err := client.Do(request)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return seen{failed: "hangs"}
		}
		return seen{failed: "no answer"}
	}
	defer func() {
		if err := response.Body.Close(); err != nil {
			b.t.Error(err)
		}
	}()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return seen{failed: "no answer"}
	}
	var text strings.Builder
	if err := errors.Join(response.Header.Write(&text), response.Trailer.Write(&text)); err != nil {
		b.t.Fatal(err)
	}
	return seen{status: response.StatusCode, text: text.String() + string(body), body: string(body)}
}

func refused(status int) bool { return status >= 400 && status < 500 }
