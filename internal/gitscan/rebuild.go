package gitscan

import "context"

func (p *pack) rebuildIndex(ctx context.Context, workers int, m *memory, broken func(int, error)) error {
	return errIndex
}
