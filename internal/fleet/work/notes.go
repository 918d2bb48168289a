package work

import (
	"context"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
)

// Rules of this file: an event goes out only once its UID is in the database, so that what has to be purged is known whatever happens to
// the process. Audits side by side share transactions.

// notes writes the events that are about to be sent.
type notes struct {
	db       *database.DB
	patience time.Duration
	waiting  chan note
	writing  chan struct{} // holds the one permission to write
}

type note struct {
	sent database.Sent
	done chan error
}

// maxNotes bounds one transaction.
const maxNotes = 200

func newNotes(db *database.DB, patience time.Duration) *notes {
	n := &notes{db: db, patience: patience, waiting: make(chan note, maxNotes), writing: make(chan struct{}, 1)}
	n.writing <- struct{}{}
	return n
}

// add returns once an event is noted. Whoever finds that nobody writes does so for all who wait.
func (n *notes) add(ctx context.Context, sent database.Sent) error {
	mine := note{sent, make(chan error, 1)}
	select {
	case n.waiting <- mine:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		select {
		case err := <-mine.done:
			return err
		case <-n.writing:
			n.write(ctx)
			n.writing <- struct{}{}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write writes what waits.
func (n *notes) write(ctx context.Context) {
	var taken []note
	var list []database.Sent
	for len(taken) < maxNotes {
		select {
		case one := <-n.waiting:
			taken, list = append(taken, one), append(list, one.sent)
			continue
		default:
		}
		break
	}
	if len(taken) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.patience)
	defer cancel()
	err := persist(ctx, func() error {
		return n.db.Write(ctx, func(tx *database.Tx) error { return tx.AddSent(ctx, list) })
	})
	for _, one := range taken {
		one.done <- err
	}
}
