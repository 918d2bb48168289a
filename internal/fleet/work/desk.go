package work

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/riverqueue/river"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
)

// Desk is what pages and the API change the fleet through; any process has one. Each change is in the audit log, in the same
// transaction. Whether the actor may make it is for the caller to decide.
type Desk struct {
	db     *database.DB
	client *river.Client[*sql.Tx] // which inserts only
}

// NewDesk returns a desk for a database.
func NewDesk(db *database.DB) (*Desk, error) {
	client, err := river.NewClient(db.Driver(), &river.Config{})
	if err != nil {
		return nil, fmt.Errorf("prepare the queue: %w", err)
	}
	return &Desk{db, client}, nil
}

// AuditNow has an integration audited as soon as its target is free, for database.ReasonByHand or ReasonDeploy. One that is being audited
// is audited again afterwards, since what is to be seen may be newer than that audit.
func (d *Desk) AuditNow(ctx context.Context, actor, integration, reason string) error {
	return d.db.Write(ctx, func(tx *database.Tx) error {
		i, err := tx.Integration(ctx, integration)
		if err != nil {
			return err
		}
		if refusal := i.Refusal(); refusal != "" {
			return fmt.Errorf("%s is not audited: %s", integration, refusal)
		}
		if err := tx.SetDue(ctx, integration, tx.Now(), reason); err != nil {
			return err
		}
		i.DueReason = reason
		if i.Job == 0 {
			if err := queue(ctx, d.client, tx, []database.Integration{i}); err != nil {
				return err
			}
		}
		return tx.Log(ctx, actor, "audit", integration, reason)
	})
}

// Reload has the configurations read at once. Where that is waiting to be done already nothing is added.
func (d *Desk) Reload(ctx context.Context, actor string) error {
	return d.db.Write(ctx, func(tx *database.Tx) error {
		if waits, err := tx.JobWaits(ctx, reloadArgs{}.Kind()); err != nil || waits {
			return err
		}
		if _, err := d.client.InsertTx(ctx, tx.SQL, reloadArgs{}, nil); err != nil {
			return fmt.Errorf("queue the reading: %w", err)
		}
		return tx.Log(ctx, actor, "reload", "", "")
	})
}

// Forget removes an integration with its history. Its configuration, if it is still there, makes it anew.
func (d *Desk) Forget(ctx context.Context, actor, integration string) error {
	return d.db.Write(ctx, func(tx *database.Tx) error {
		if err := tx.Forget(ctx, integration); err != nil {
			return err
		}
		return tx.Log(ctx, actor, "forget", integration, "")
	})
}
