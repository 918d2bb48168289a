package database

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Kinds of events. Each is a transition: nothing is raised while things stay as they are.
const (
	EventOpened      = "finding.opened"
	EventReopened    = "finding.reopened"
	EventUpdated     = "finding.updated"
	EventWaived      = "finding.waived"
	EventClosed      = "finding.closed"
	EventReadyGained = "integration.ready"
	EventReadyLost   = "integration.not_ready"
	EventNotAudited  = "integration.not_audited" // several runs in a row could not be made
	EventAudited     = "integration.audited"     // one could be made again, or its configuration can be used again
	EventProblem     = "integration.problem"     // its configuration cannot be used
	EventExpiring    = "expiring"                // what will expire in a few days, as the settings have it
	EventExpired     = "expired"                 // a waiver, an attestation, a declaration, a review, a sign-off or a report
	EventRemoved     = "integration.removed"
)

// Event is something that happened to an integration. Message and Data hold nothing secret; what comes from outside in them is text
// that has to be escaped where it is shown.
type Event struct {
	ID                     int64
	Integration, Team, Run string
	Finding                string // id of a finding, where it is about one
	Kind, Message          string
	At                     time.Time
	Data                   map[string]string // such as check, environment, severity, status, person
}

// AddEvent writes an event and, for each channel, a message in the outbox.
func (tx *Tx) AddEvent(ctx context.Context, e Event, channels []string) (Event, error) {
	if e.At.IsZero() {
		e.At = tx.Now()
	}
	data, err := json.Marshal(e.Data)
	if err != nil {
		return e, fmt.Errorf("write an event: %w", err)
	}
	err = tx.row(ctx, "INSERT INTO event (integration, team, run, finding, kind, at, message, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
		e.Integration, e.Team, e.Run, e.Finding, e.Kind, millis(e.At), e.Message, string(data)).Scan(&e.ID)
	if err != nil {
		return e, fmt.Errorf("write an event: %w", err)
	}
	for _, channel := range channels {
		if _, err := tx.exec(ctx, "INSERT INTO outbox (event, channel, due_at) VALUES (?, ?, ?) ON CONFLICT (event, channel) DO NOTHING", e.ID, channel, millis(e.At)); err != nil {
			return e, fmt.Errorf("write a message: %w", err)
		}
	}
	return e, nil
}

const eventColumns = "id, integration, team, run, finding, kind, at, message, data"

func (e *Event) into(data *string) []any {
	return []any{&e.ID, &e.Integration, &e.Team, &e.Run, &e.Finding, &e.Kind, moment{&e.At}, &e.Message, data}
}

func scanEvent(row scanner) (Event, error) {
	var e Event
	var data string
	if err := row.Scan(e.into(&data)...); err != nil {
		return e, err
	}
	return e, json.Unmarshal([]byte(data), &e.Data)
}

// Events returns the newest events of an integration, the newest first; of all those of the teams (as in Filter) where integration is
// empty.
func (d *DB) Events(ctx context.Context, integration string, teams []string, limit int) ([]Event, error) {
	where, values := Filter{Teams: teams, Removed: true}.where()
	if integration != "" {
		where, values = where+" AND i.integration = ?", append(values, integration)
	}
	list, err := all(ctx, d, d.read, scanEvent, "SELECT "+prefixed("i", eventColumns)+" FROM event i WHERE "+where+" ORDER BY i.id DESC LIMIT ?", append(values, limit)...)
	return list, wrap("list the events", err)
}

// Message is an event on its way to a channel.
type Message struct {
	ID       int64
	Channel  string
	Attempts int // that failed
	Event    Event
}

// Key is the same in every attempt, for receivers that recognize a duplicate, and of no other message: a database that is made anew
// counts from one again.
func (m Message) Key() string { return fmt.Sprintf("prelaunch-%d-%d", m.ID, m.Event.At.UnixMilli()) }

// DueMessages returns at most limit messages that are to be sent, the oldest first. While a process sends one, no other gets it: it is
// not due again before retry.
func (tx *Tx) DueMessages(ctx context.Context, now, retry time.Time, limit int) ([]Message, error) {
	list, err := all(ctx, tx.db, tx.SQL, func(row scanner) (Message, error) {
		var m Message
		err := row.Scan(&m.ID, &m.Channel, &m.Attempts, &m.Event.ID)
		return m, err
	}, "SELECT id, channel, attempts, event FROM outbox WHERE sent_at = 0 AND NOT gave_up AND due_at <= ? ORDER BY id LIMIT ?"+tx.db.forUpdate(" SKIP LOCKED"), millis(now), limit)
	if err != nil {
		return nil, wrap("find messages", err)
	}
	for i := range list {
		if list[i].Event, err = one(ctx, tx.db, tx.SQL, scanEvent, "SELECT "+eventColumns+" FROM event WHERE id = ?", list[i].Event.ID); err != nil {
			return nil, wrap("read the event of a message", err)
		}
		if _, err := tx.exec(ctx, "UPDATE outbox SET due_at = ? WHERE id = ?", millis(retry), list[i].ID); err != nil {
			return nil, wrap("keep a message", err)
		}
	}
	return list, nil
}

// MessageSent notes that a message has arrived.
func (tx *Tx) MessageSent(ctx context.Context, id int64) error {
	_, err := tx.exec(ctx, "UPDATE outbox SET sent_at = ?, problem = '' WHERE id = ?", millis(tx.Now()), id)
	return wrap("note that a message was sent", err)
}

// MessageFailed notes an attempt that failed, with a reason that holds nothing secret. The zero time: it is not tried again.
func (tx *Tx) MessageFailed(ctx context.Context, id int64, next time.Time, problem string) error {
	_, err := tx.exec(ctx, "UPDATE outbox SET attempts = attempts + 1, due_at = ?, gave_up = ?, problem = ? WHERE id = ?", millis(next), next.IsZero(), problem, id)
	return wrap("note that a message was not sent", err)
}

// Outbox counts messages that wait, and those that were given up, by channel.
type Outbox struct {
	Channel          string
	Waiting, GivenUp int
	Oldest           time.Time // event of a message that waits
	Problem          string    // of one that failed
}

// Outboxes returns the channels that have messages which were not sent.
func (d *DB) Outboxes(ctx context.Context) ([]Outbox, error) {
	list, err := all(ctx, d, d.read, func(row scanner) (Outbox, error) {
		var o Outbox
		err := row.Scan(&o.Channel, &o.Waiting, &o.GivenUp, moment{&o.Oldest}, &o.Problem)
		return o, err
	}, `SELECT o.channel, sum(CASE WHEN o.gave_up THEN 0 ELSE 1 END), sum(CASE WHEN o.gave_up THEN 1 ELSE 0 END), min(e.at), max(o.problem)
		FROM outbox o JOIN event e ON e.id = o.event WHERE o.sent_at = 0 GROUP BY o.channel ORDER BY o.channel`)
	return list, wrap("count the messages", err)
}

// Decision is what a reviewer decided about a report. A signed one holds the statement of `prelaunch sign`; an approval holds one that
// the server signed for a login.
type Decision struct {
	ID                       int64
	Integration, Run, Report string // digest of the report
	Kind                     string // signed or approval
	Verdict                  string
	Signer, Login            string // the key's name; who handed it in
	At, ExpiresAt            time.Time
	Statement                []byte
}

// AddDecision writes a decision that the caller has verified.
func (tx *Tx) AddDecision(ctx context.Context, d Decision) (Decision, error) {
	if d.At.IsZero() {
		d.At = tx.Now()
	}
	err := tx.row(ctx, "INSERT INTO decision (integration, run, report, kind, verdict, signer, login, at, expires_at, statement) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
		d.Integration, d.Run, d.Report, d.Kind, d.Verdict, d.Signer, d.Login, millis(d.At), millis(d.ExpiresAt), d.Statement).Scan(&d.ID)
	return d, wrap("write the decision", err)
}

// Decisions returns those about an integration, the newest first.
func (d *DB) Decisions(ctx context.Context, integration string) ([]Decision, error) {
	list, err := all(ctx, d, d.read, func(row scanner) (Decision, error) {
		var r Decision
		err := row.Scan(&r.ID, &r.Integration, &r.Run, &r.Report, &r.Kind, &r.Verdict, &r.Signer, &r.Login, moment{&r.At}, moment{&r.ExpiresAt}, &r.Statement)
		return r, err
	}, "SELECT id, integration, run, report, kind, verdict, signer, login, at, expires_at, statement FROM decision WHERE integration = ? ORDER BY id DESC", integration)
	return list, wrap("list the decisions", err)
}

// LogEntry is one change of state: who did what to what. It is never changed.
type LogEntry struct {
	ID                            int64
	At                            time.Time
	Actor, Action, Object, Detail string
}

// Log writes an entry of the audit log, in the transaction of what it is about.
func (tx *Tx) Log(ctx context.Context, actor, action, object, detail string) error {
	_, err := tx.exec(ctx, "INSERT INTO audit_log (at, actor, action, object, detail) VALUES (?, ?, ?, ?, ?)", millis(tx.Now()), actor, action, object, detail)
	return wrap("write the audit log", err)
}

// LogEntries returns the newest entries before an id (0: the newest of all), the newest first.
func (d *DB) LogEntries(ctx context.Context, before int64, limit int) ([]LogEntry, error) {
	list, err := all(ctx, d, d.read, func(row scanner) (LogEntry, error) {
		var e LogEntry
		err := row.Scan(&e.ID, moment{&e.At}, &e.Actor, &e.Action, &e.Object, &e.Detail)
		return e, err
	}, "SELECT id, at, actor, action, object, detail FROM audit_log WHERE ? = 0 OR id < ? ORDER BY id DESC LIMIT ?", before, before, limit)
	return list, wrap("list the audit log", err)
}

// Setting returns a value that processes share, "" where there is none.
func (tx *Tx) Setting(ctx context.Context, name string) (string, error) {
	list, err := all(ctx, tx.db, tx.SQL, func(row scanner) (string, error) {
		var value string
		err := row.Scan(&value)
		return value, err
	}, "SELECT value FROM setting WHERE name = ?", name)
	if err != nil || len(list) == 0 {
		return "", wrap("read the setting "+name, err)
	}
	return list[0], nil
}

// SetSetting writes a value that processes share.
func (tx *Tx) SetSetting(ctx context.Context, name, value string) error {
	_, err := tx.exec(ctx, "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	return wrap("write the setting "+name, err)
}

// SourceProblem is a configuration, or a whole source of them, that stands for no integration: nobody would miss it elsewhere.
type SourceProblem struct {
	Source  string `json:"source"`
	Path    string `json:"path,omitempty"`
	Problem string `json:"problem"`
}

// sourceProblems is the setting with the list, as JSON.
const sourceProblems = "source problems"

// maxSourceProblems bounds the list.
const maxSourceProblems = 200

// SetSourceProblems replaces the list.
func (tx *Tx) SetSourceProblems(ctx context.Context, list []SourceProblem) error {
	text, err := json.Marshal(list[:min(len(list), maxSourceProblems)])
	if err != nil {
		return fmt.Errorf("write the problems of the sources: %w", err)
	}
	return tx.SetSetting(ctx, sourceProblems, string(text))
}

// SourceProblems returns what the last reading of the sources found.
func (d *DB) SourceProblems(ctx context.Context) ([]SourceProblem, error) {
	list, err := one(ctx, d, d.read, func(row scanner) (list []SourceProblem, err error) {
		var text string
		if err := row.Scan(&text); err != nil {
			return nil, err
		}
		return list, json.Unmarshal([]byte(text), &list)
	}, "SELECT value FROM setting WHERE name = ?", sourceProblems)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return list, wrap("list the problems of the sources", err)
}
