package webhook_test

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

type connectionKey struct{}

// unread stands for a server that refuses without reading the body and keeps the connection: what follows on it begins with that body.
type unread struct {
	next   http.Handler
	broken atomic.Int64
}

func (u *unread) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	left := r.Context().Value(connectionKey{}).(*atomic.Bool)
	if left.Load() {
		u.broken.Add(1)
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	answer := httptest.NewRecorder()
	u.next.ServeHTTP(answer, r)
	left.Store(answer.Code >= 400)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = answer.Body.WriteTo(w)
}

// TestReceiverThatLeavesBodiesUnread wants the same outcome as of the receiver that reads them.
func TestReceiverThatLeavesBodiesUnread(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	authority := certs.New(time.Now())
	lazy := &unread{next: forward(t, l, l.receivers[audit.Test])}
	server := httptest.NewUnstartedServer(lazy)
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, new(atomic.Bool))
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Server("unread.acme.example")}}
	server.StartTLS()
	t.Cleanup(server.Close)
	l.roots.All = authority.Pool()
	l.integration.Environments = l.integration.Environments[:1]
	l.environment(audit.Test).WebhookURL = "https://unread.acme.example/begini"
	l.integration.Network.Resolve["unread.acme.example:443"] = []string{server.Listener.Addr().String()}
	_, report := l.audited(t)
	for id, outcome := range outcomes(report, audit.Test) {
		if outcome != audit.Pass && outcome != audit.NotApplicable && id != "environments.credentials-not-interchangeable" {
			t.Errorf("%s is %s: %s", id, outcome, explain(report, id, audit.Test))
		}
	}
	if lazy.broken.Load() == 0 {
		t.Error("nothing followed on a connection with an unread body")
	}
}
