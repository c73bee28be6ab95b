package store

import "context"

// TryTimes looks whether the server keeps a time that it is told: some refuse it, and some say yes and do not. The file that
// tells is removed with all temporary ones.
func (t Temps) TryTimes(ctx context.Context) error {
	const long = 1_000_000_000 // ago
	temp, _, err := t.Put(ctx, nil, Attributes(0, 0o600, long*1e9))
	if err != nil {
		return err
	}
	info, err := t.s.Stat(ctx, temp)
	if err != nil {
		return err
	}
	if info.MTime != long {
		t.s.NoTimes(true)
	}
	return nil
}
