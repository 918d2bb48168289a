package webhook

import "time"

// Tests do not wait for a minute for a receiver that stays away, nor make requests time out sooner: a
// loaded machine is slow.
func init() { maxAway = 3 * time.Second }
