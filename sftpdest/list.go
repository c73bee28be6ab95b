package sftpdest

import (
	"context"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/pool"
	"slotfs/sftpdest/wire"
)

// List implements dest.Reader. A symbolic link to a directory is listed like the directory, as OPENDIR does.
func (d *Destination) List(ctx context.Context, dir string) ([]dest.Info, error) {
	remote, err := d.remote(dir)
	if err != nil {
		return nil, err
	}
	list, err := d.listRemote(ctx, remote)
	if err != nil {
		return nil, d.absent(ctx, "list", dir, remote, err)
	}
	infos := make([]dest.Info, 0, len(list))
	for i := range list {
		e := &list[i]
		if e.Name != "" {
			infos = append(infos, info(e.Name, e.Attributes))
		}
	}
	return infos, nil
}

// listRemote lists a directory as the server knows it.
func (d *Destination) listRemote(ctx context.Context, remote string) (list []wire.Entry, err error) {
	err = d.doHandle(ctx, pool.Opening{}, func(s *pool.Session) (err error) {
		list, err = s.List(ctx, remote)
		return err
	})
	return list, err
}
