package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
)

// queuePage is the health of the queue.
type queuePage struct {
	Overview database.Overview
	Queues   []database.Queue
	Running  []database.Run
	Workers  []database.Worker
	Leases   []database.Lease
	Outboxes []database.Outbox
	Sources  []database.SourceProblem
	Now      time.Time
}

func (s *server) queueData(q *request) (page queuePage, err error) {
	ctx := q.Context()
	page.Now = s.DB.Now()
	if page.Overview, err = s.DB.Overview(ctx, nil); err != nil {
		return page, err
	}
	if page.Queues, err = s.DB.Queues(ctx); err != nil {
		return page, err
	}
	if page.Running, err = s.DB.RunningRuns(ctx); err != nil {
		return page, err
	}
	if page.Workers, err = s.DB.Workers(ctx); err != nil {
		return page, err
	}
	if page.Leases, err = s.DB.Leases(ctx); err != nil {
		return page, err
	}
	if page.Outboxes, err = s.DB.Outboxes(ctx); err != nil {
		return page, err
	}
	page.Sources, err = s.DB.SourceProblems(ctx)
	return page, err
}

func (s *server) queuePage(q *request) error {
	page, err := s.queueData(q)
	if err != nil {
		return err
	}
	return s.page(q, http.StatusOK, "queue", "Queue", page)
}

// logPage is a part of the audit log.
type logPage struct {
	Entries []database.LogEntry
	Before  int64 // id before which the next page begins; 0: there is none
}

func (s *server) logData(q *request) (page logPage, err error) {
	before := int64(0)
	if text := q.URL.Query().Get("before"); text != "" {
		if before, err = strconv.ParseInt(text, 10, 64); err != nil || before < 1 {
			return page, bad("before must be the id of an entry.")
		}
	}
	page.Entries, err = s.DB.LogEntries(q.Context(), before, maxLog)
	if len(page.Entries) == maxLog {
		page.Before = page.Entries[maxLog-1].ID
	}
	return page, err
}

func (s *server) logPage(q *request) error {
	page, err := s.logData(q)
	if err != nil {
		return err
	}
	return s.page(q, http.StatusOK, "log", "Audit log", page)
}
