package webhook

import (
	"context"

	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// breaks are what a request saw of connections that gave no answer.
type breaks struct {
	alone bool // the next one goes over a connection of its own
	fresh int  // how many of them had carried nothing before, so that their breaking says something about the request
	busy  bool // a gateway's answer said nothing about coming back
}

// again reports whether the request is to be repeated: after 429 and 503 once the time has passed that the receiver asked for, after a
// gateway's 502 or 504, which is no answer of the receiver's, and after a connection broke, before the answer or in it. One that had been
// used before may have been closed for want of use just then, and so may all others that are kept; one of its own may break once by
// accident.
func (s *session) again(ctx context.Context, a *response.Response, f *cases.Request, r *record, broken *breaks) bool {
	switch {
	case a.Status == 429 || a.Status >= 502 && a.Status <= 504:
		broken.busy = broken.busy || a.Status != 429 && !a.Asked
		return s.pace.ComeBack(ctx, a, r.fact.Retries)
	case a.Status == 501 && a.Reused && f.Method == "POST" && r.fact.Retries < 1:
		// A server that refuses without reading the body takes what it left for the beginning of the next request, which then has a
		// method that it does not know. A connection for each request tells whether that is so.
		s.client.OneEach.Store(true)
		return true
	case (a.Failure == response.ErrReset || a.Failure == response.ErrTruncated) && !f.Abort:
		if !a.Reused {
			broken.fresh++
		}
		broken.alone = true
		return broken.fresh < 2
	case a.Failure == response.ErrTimeout:
		broken.alone = true
		s.mu.Lock()
		defer s.mu.Unlock()
		s.timeouts++
		s.hanging[r.fact.Family]++
		return r.fact.Retries < 1 && s.timeouts <= patience
	}
	s.pace.Answered()
	if broken.busy && a.Failure == "" {
		s.pace.Helped()
	}
	return false
}
