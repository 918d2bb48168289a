package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Push is where a forge tells of what was pushed: a request that verifies has the configurations read, and nothing else. One that is
// sent again has them read again, at most once more than they are being read.
type Push struct {
	Name    string
	Forge   provider.Recipe // how its requests are signed
	Secrets []secret.Key    // each is accepted, so that the forge's can be changed
}

// Forges are the provider profiles of those who tell of pushes. Gitea and Forgejo sign like GitHub, too.
var Forges = []string{"github", "gitlab", "gitlab-token", "bitbucket", "standard-webhooks"}

// Bounds of what anybody may send without being known.
const (
	maxPush   = 1 << 20 // bytes: what is larger is read with the next regular reading
	maxPushes = 8       // whose bodies are held at a time
	minSecret = 16      // bytes
)

var errUnsigned = &problem{http.StatusUnauthorized, "The request is not signed with a secret of this push."}

func (s *server) apiPush(q *request) error {
	name := q.PathValue("push")
	var push *Push
	for i := range s.Pushes {
		if s.Pushes[i].Name == name {
			push = &s.Pushes[i]
		}
	}
	if push == nil {
		return errUnsigned // which names there are is nobody's business
	}
	select {
	case s.pushing <- struct{}{}:
		defer func() { <-s.pushing }()
	default:
		q.w.Header().Set("Retry-After", "10")
		return &problem{http.StatusServiceUnavailable, "Too many pushes at a time."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(q.w, q.Body, maxPush))
	if err != nil {
		if large := new(http.MaxBytesError); errors.As(err, &large) {
			return err
		}
		return bad("The body could not be read.")
	}
	if verified := push.verify(q.Request, body, s.DB.Now()); verified != provider.Correct {
		s.Log.WarnContext(q.Context(), "a push was not accepted", "push", name, "fails", string(verified))
		return errUnsigned
	}
	if !utf8.Valid(body) || !json.Valid(body) || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return bad("The body is not a JSON object.")
	}
	if err := s.Reload(q.Context(), actor(name, "push")); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusAccepted)
	return nil
}

// verify compares in constant time.
func (p *Push) verify(r *http.Request, body []byte, now time.Time) provider.Part {
	secrets := make([][]byte, len(p.Secrets))
	for i, one := range p.Secrets {
		secrets[i] = one.Expose()
	}
	return p.Forge.Verify(secrets, provider.Message{Method: r.Method, Header: r.Header, Body: body}, now)
}
