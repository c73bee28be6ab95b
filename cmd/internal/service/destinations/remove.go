package destinations

import (
	"context"
	"errors"
	"fmt"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/passes"
	"slotfs/indexer/engine/engines"
)

// Remove forgets a destination, the index first: where another process holds that nothing has happened yet. With key it takes the key that
// was installed away from the server as well, by the password if there is one. Where removed is true it was forgotten, whatever the error.
func (e *Editor) Remove(ctx context.Context, d *config.Destination, key bool, password string) (removed bool, err error) {
	if err := e.Index.ForgetDestination(ctx, d.Name); err != nil {
		return false, fmt.Errorf("destination %s: %w", d.Name, err)
	}
	err = config.Update(e.ConfigPath, func(data []byte) ([]byte, error) {
		return config.Remove(e.ConfigPath, data, d.Name, engines.Names())
	})
	if err != nil {
		return false, err
	}
	var stays error
	if key && e.State.InstalledKey(d.Name) != "" {
		stays = e.unauthorize(ctx, d, password)
	}
	if err := errors.Join(e.State.RemoveSecret(d.Name), e.State.RemoveKey(d.Name), passes.Forget(e.State.Passes(), d.Name)); err != nil {
		return false, err
	}
	return true, errors.Join(stays, e.Index.ReloadOwner(ctx))
}

// RemoveLeftOver takes away what an attempt to add a destination left that was cut off.
func (e *Editor) RemoveLeftOver(ctx context.Context, d *config.Destination, password string) error {
	return errors.Join(e.unauthorize(ctx, d, password), e.State.RemoveKey(d.Name))
}
