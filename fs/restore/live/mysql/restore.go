package mysql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"slotfs/fs/restore/live/record"
)

// Options of a Restore.
type Options struct {
	Database string    // the live one
	Dumped   string    // its name in the dump, where it has one
	Account  string    // whose it is
	Dump     io.Reader // may be compressed
	Tables   []string  // that are replaced; nil: all of the database
	Source   string    // for the record
	Progress Progress  // may be nil
	Note     func(line int, text string)
	// Reached hears of each step before the next one begins; may be nil.
	Reached func(step string)

	undo *undo
}

// undo is what was there before, besides the tables.
type undo struct {
	programs []program
	absent   bool     // there was no database
	missing  []string // of Tables: those that were not there
}

// Report is what a Restore did.
type Report struct {
	ID       string   `json:"id"`
	Database string   `json:"database"`
	Tables   []string `json:"tables"`   // that were put in
	Removed  []string `json:"removed"`  // that were there and are not in the dump
	Programs int      `json:"programs"` // views, triggers, routines and events
	LeftOut  []string `json:"left_out,omitempty"`
	Before   string   `json:"before,omitempty"` // file with what was there
}

// detail is what the record has of a restore.
type detail struct {
	Scratch scratch  `json:"scratch"`
	Existed bool     `json:"existed"`
	Tables  []string `json:"tables,omitempty"`
	Swap    *swap    `json:"swap,omitempty"`
	Before  string   `json:"before,omitempty"`
}

// Kind is the kind of the records of this package.
const Kind = "database"

// Stages of a restore. What begins with one of them is finished or taken back by Tidy.
const (
	importing = "importing"
	swapping  = "swapping"
	swapped   = "swapped"
)

// restore is one on its way.
type restore struct {
	s  *Server
	o  Options
	r  *record.Record
	d  detail
	im *load
}

// ErrKept says that the restore ended well, and that what was there before could not be written to a file: it stays on the server.
var ErrKept = errors.New("what was there before could not be written to a file")

// Restore replaces a database, or tables of it, by what a dump has.
func (s *Server) Restore(ctx context.Context, store *record.Store, o Options) (Report, error) {
	if err := CheckName(o.Database); err != nil {
		return Report{}, err
	}
	if err := s.canDump(); err != nil {
		return Report{}, err
	}
	rec, err := store.New(record.Record{Kind: Kind, Account: o.Account, Source: o.Source, Target: o.Database, Stage: importing})
	if err != nil {
		return Report{}, err
	}
	defer rec.Close()
	r := &restore{s: s, o: o, r: rec, d: detail{Scratch: newScratch(rec.ID, s.Login), Tables: o.Tables}}
	err = r.prepare(ctx)
	if err == nil {
		err = r.swap(ctx)
	}
	if err != nil {
		return Report{ID: rec.ID, Database: o.Database}, errors.Join(err, s.abandon(context.WithoutCancel(ctx), rec, &r.d))
	}
	err = s.finish(context.WithoutCancel(ctx), rec, &r.d, r.o.Reached)
	return r.report(), err
}

func (o *Options) reached(step string) {
	if o.Reached != nil {
		o.Reached(step)
	}
}

// prepare imports the dump into the scratch database.
func (r *restore) prepare(ctx context.Context) (err error) {
	if r.d.Existed, err = r.s.exists(ctx, r.o.Database); err != nil {
		return err
	}
	if err := r.r.Reach(importing, r.d); err != nil {
		return err
	}
	r.o.reached("recorded")
	password, err := r.s.makeScratch(ctx, r.d.Scratch, r.o.Database)
	if err != nil {
		return fmt.Errorf("make the scratch database: %w", err)
	}
	r.o.reached("scratch")
	if r.im, err = r.s.importDump(ctx, r.d.Scratch, password, &r.o); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	r.o.reached("imported")
	if err := r.s.dropUser(ctx, r.d.Scratch); err != nil { // nobody changes the import any more
		return err
	}
	return r.s.checkDefiners(ctx, r.d.Scratch)
}

// swap puts the import in the place of the live tables.
func (r *restore) swap(ctx context.Context) error {
	w, err := r.plan(ctx)
	if err != nil {
		return err
	}
	for i := range w.After { // what is bound to its database stays behind, and is defined anew
		p := &w.After[i]
		if p.Kind == "TRIGGER" && r.o.undo == nil {
			if err := r.s.exec(ctx, "DROP TRIGGER IF EXISTS "+in(r.d.Scratch.New, p.Name)); err != nil {
				return err
			}
		}
	}
	r.d.Swap = w
	if !r.d.Existed {
		if err := r.s.exec(ctx, "CREATE DATABASE IF NOT EXISTS "+id(r.o.Database)); err != nil {
			return err
		}
	}
	if err := r.r.Reach(swapping, r.d); err != nil {
		return err
	}
	r.o.reached("swapping")
	if err := r.s.perform(ctx, r.o.Database, w.forward(r.d.Scratch)); err != nil {
		return errors.Join(fmt.Errorf("swap: %w", err), r.s.back(context.WithoutCancel(ctx), w, r.d.Scratch))
	}
	r.o.reached("swapped")
	return r.r.Reach(swapped, r.d)
}

// plan reads what there is and what the import has.
func (r *restore) plan(ctx context.Context) (*swap, error) {
	w := &swap{Database: r.o.Database, Whole: len(r.o.Tables) == 0}
	var err error
	if w.In, err = r.s.tables(ctx, r.d.Scratch.New); err != nil {
		return nil, err
	}
	w.In = slices.DeleteFunc(w.In, func(t string) bool { return t == marker })
	if w.Out, err = r.s.tables(ctx, r.o.Database); err != nil {
		return nil, err
	}
	if r.d.Existed {
		if w.Before, err = r.s.programs(ctx, r.o.Database); err != nil {
			return nil, err
		}
	}
	if !w.Whole {
		chosen := func(t string) bool { return !slices.Contains(r.o.Tables, t) }
		w.Out, w.In = slices.DeleteFunc(w.Out, chosen), slices.DeleteFunc(w.In, chosen)
		w.Before = triggersOf(w.Before, r.o.Tables)
	}
	for _, t := range r.o.Tables {
		if !slices.Contains(w.In, t) && (r.o.undo == nil || !slices.Contains(r.o.undo.missing, t)) {
			return nil, fmt.Errorf("table %s: not in the dump", t)
		}
	}
	if r.o.undo == nil && len(w.In) == 0 && len(r.im.programs) == 0 {
		return nil, errors.New("the dump has no tables")
	}
	if err := r.s.checkReferences(ctx, w, r.d.Scratch); err != nil {
		return nil, err
	}
	w.After, err = r.after(ctx, w.Whole)
	return w, err
}

// checkReferences refuses to move tables away from those that refer to them: a foreign key follows the table that is moved.
func (s *Server) checkReferences(ctx context.Context, w *swap, x scratch) error {
	const query = `SELECT CONCAT(CONSTRAINT_SCHEMA, '.', TABLE_NAME), REFERENCED_TABLE_NAME, CONSTRAINT_SCHEMA, TABLE_NAME
		FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE UNIQUE_CONSTRAINT_SCHEMA = ?`
	for _, side := range []struct {
		db    string
		stays func(schema, from, to string) bool
	}{
		{w.Database, func(schema, from, to string) bool {
			return slices.Contains(w.Out, to) && (schema != w.Database || !slices.Contains(w.Out, from))
		}},
		{x.New, func(schema, from, to string) bool { return slices.Contains(w.In, from) && !slices.Contains(w.In, to) }},
	} {
		rows, err := s.db.QueryContext(ctx, query, side.db)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var who, to, schema, from string
			if err := rows.Scan(&who, &to, &schema, &from); err != nil {
				return err
			}
			if side.stays(schema, from, to) {
				return fmt.Errorf("table %s: a foreign key of %s leads to it, so that both have to be restored", to, strings.TrimPrefix(strings.TrimPrefix(who, x.New+"."), w.Database+"."))
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// after are the programs that there will be, each with its definer.
func (r *restore) after(ctx context.Context, whole bool) ([]program, error) {
	if r.o.undo != nil {
		return r.o.undo.programs, nil
	}
	all, err := r.s.programs(ctx, r.d.Scratch.New)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	if !whole {
		all = triggersOf(all, r.o.Tables)
	}
	d := definers{note: r.o.Note, mapped: map[string]bool{}}
	if d.allowed, err = r.s.accountUsers(ctx, r.o.Account, r.o.Database); err != nil {
		return nil, err
	}
	for i := range all {
		p := &all[i]
		from := r.im.programs[programKey{p.Kind, p.Name}]
		if p.Definer, err = d.of(programKey{p.Kind, p.Name}, from.definer); err != nil {
			return nil, err
		}
		if from.status != "DISABLE" {
			p.Status = from.status
		}
		p.moveFrom(r.d.Scratch.New, r.o.Database)
	}
	return all, nil
}

func (r *restore) report() Report {
	w := r.d.Swap
	out := Report{ID: r.r.ID, Database: r.o.Database, Tables: w.In, Programs: len(w.After), LeftOut: r.im.leftOut, Before: r.d.Before}
	for _, t := range w.Out {
		if !slices.Contains(w.In, t) {
			out.Removed = append(out.Removed, t)
		}
	}
	return out
}

// Undo puts back what was there before a restore.
func (s *Server) Undo(ctx context.Context, store *record.Store, old *record.Record, o Options) (Report, error) {
	var d detail
	if err := json.Unmarshal(old.Detail, &d); err != nil {
		return Report{}, fmt.Errorf("restore %s: %w", old.ID, err)
	}
	switch {
	case old.Stage == swapped:
		return Report{}, fmt.Errorf("restore %s: %w yet: it is in database %s", old.ID, ErrKept, d.Scratch.Old)
	case old.Stage != record.Done || d.Swap == nil:
		return Report{}, fmt.Errorf("restore %s: it changed nothing", old.ID)
	}
	dump, closeDump, err := openBefore(old.Dir(), d.Before)
	if err != nil {
		return Report{}, err
	}
	defer closeDump()
	u := &undo{programs: d.Swap.Before, absent: !d.Existed}
	for _, t := range d.Tables {
		if !slices.Contains(d.Swap.Out, t) {
			u.missing = append(u.missing, t)
		}
	}
	o.Database, o.Account, o.Dump, o.Tables, o.Source, o.undo = old.Target, old.Account, dump, d.Tables, old.ID, u
	out, err := s.Restore(ctx, store, o)
	if out.Tables == nil && err != nil && !errors.Is(err, ErrKept) {
		return out, err
	}
	old.Undone = out.ID
	if u.absent {
		err = errors.Join(err, s.dropEmpty(ctx, old.Target))
	}
	return out, errors.Join(err, old.Save())
}
