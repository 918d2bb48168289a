package webhook

import "context"

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
func (s *session) again(ctx context.Context, a *answer, f *forge, r *record, broken *breaks) bool {
	switch {
	case a.status == 429 || a.status >= 502 && a.status <= 504:
		broken.busy = broken.busy || a.status != 429 && !a.asked
		return s.pace.comeBack(ctx, a, r.fact.Retries)
	case a.status == 501 && a.reused && f.method == "POST" && r.fact.Retries < 1:
		// A server that refuses without reading the body takes what it left for the beginning of the next request, which then has a
		// method that it does not know. A connection for each request tells whether that is so.
		s.client.oneEach.Store(true)
		return true
	case (a.failure == errReset || a.failure == errTruncated) && !f.abort:
		if !a.reused {
			broken.fresh++
		}
		broken.alone = true
		return broken.fresh < 2
	case a.failure == errTimeout:
		broken.alone = true
		s.mu.Lock()
		defer s.mu.Unlock()
		s.timeouts++
		s.hanging[r.fact.Family]++
		return r.fact.Retries < 1 && s.timeouts <= patience
	}
	s.pace.answered()
	if broken.busy && a.failure == "" {
		s.pace.helped()
	}
	return false
}
