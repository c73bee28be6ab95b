package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"

	"github.com/klauspost/compress/gzip"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/store"
)

// MaxAbout bounds what is read of a file in meta/ that is about an archive, in bytes.
const MaxAbout = 64 << 20

// archive compares an archive with what the state says of it: all of it, or a share of its gzip members.
func (v *verifier) archive(ctx context.Context, a *manifest.Archive) error {
	name := v.root + "/" + a.Name
	err := store.Retry(ctx, func() error {
		if v.sample >= 1 {
			return v.wholeArchive(ctx, name, a)
		}
		return v.someMembers(ctx, name, a)
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, dest.ErrNotRegular) {
		v.differ("archive/"+a.Name, err.Error())
		return nil
	}
	return err
}

func (v *verifier) wholeArchive(ctx context.Context, name string, a *manifest.Archive) error {
	hash, err := store.Hash(ctx, v, name, a.Size)
	if err == nil && hash != a.SHA256 {
		v.differ("archive/"+a.Name, "has other content")
	}
	return err
}

// someMembers reads some members, the last one always: it is there only if the rest is.
func (v *verifier) someMembers(ctx context.Context, name string, a *manifest.Archive) error {
	list, err := store.Load(ctx, v, v.slot+"/meta/"+a.Members.Name, min(a.Members.Size, MaxAbout))
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(list); hex.EncodeToString(sum[:]) != a.Members.SHA256 {
		v.differ("meta/"+a.Members.Name, "has other content")
		return nil
	}
	f, err := v.Open(ctx, name)
	if err != nil {
		return err
	}
	defer f.Close()
	at, damaged := int64(0), int64(-1)
	err = manifest.DecodeMembers(list, func(m manifest.Member) error {
		from := at
		at += m.Size
		if rand.Float64() >= v.sample && at != a.Size || damaged >= 0 {
			return nil
		}
		same, err := SameMember(ctx, f, from, m)
		if err == nil && !same {
			damaged = from
		}
		return err
	})
	if err == nil && damaged >= 0 {
		v.differ("archive/"+a.Name, fmt.Sprintf("is damaged at byte %d", damaged))
	}
	return err
}

// SameMember reads one member and compares its text.
func SameMember(ctx context.Context, f dest.File, from int64, m manifest.Member) (bool, error) {
	stored := make([]byte, m.Size)
	if n, err := f.ReadAt(ctx, stored, from); int64(n) < m.Size {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return false, err
	}
	r, err := gzip.NewReader(bytes.NewReader(stored))
	if err != nil {
		return false, nil // no gzip: damage
	}
	text, err := io.ReadAll(io.LimitReader(r, m.Length+1))
	return err == nil && int64(len(text)) == m.Length && slices.Equal(manifest.Sums(text), m.Sums), nil
}
