package live

import (
	"context"
	"strings"

	"slotfs/indexer/backup"
)

// filesSteps tells how files of the home are put back: mailboxes among them are merged, and what slotfs keeps there stays out.
func (l *Live) filesSteps(ctx context.Context, q *Request, p *piece) error {
	switch {
	case p.below == "":
		return l.homeSteps(ctx, q, p)
	case p.below == "mail" || strings.HasPrefix(p.below, "mail/"):
		p.steps = []step{{from: p.path, to: p.below, merge: true}}
	default:
		p.steps = []step{{from: p.path, to: p.below}}
	}
	return nil
}

// homeSteps are those of a whole home: its files, the mailboxes, and the lists of mail accounts.
func (l *Live) homeSteps(ctx context.Context, q *Request, p *piece) error {
	mail, has, err := l.mailOf(ctx, q, p)
	if err != nil {
		return err
	}
	lists := map[string]bool{}
	for i := range mail.steps {
		for _, list := range mail.steps[i].lines {
			lists[list.Path] = true
		}
	}
	p.steps = []step{{from: p.path, skip: func(rel string) bool {
		return has && rel == "mail" || lists[rel] || rel == ".slotfs-staged" || strings.HasPrefix(rel, keepPrefix) && !strings.Contains(rel, "/")
	}}}
	if !has {
		return nil
	}
	rest, there, err := l.child(ctx, p, "mail")
	if err != nil {
		return err
	}
	if there && rest.node.IsDir() {
		apart := map[string]bool{}
		for i := range mail.steps {
			if s := &mail.steps[i]; s.whole {
				apart[strings.TrimPrefix(s.to, "mail/")] = true
			}
		}
		for _, box := range mail.apart {
			apart[box] = true
		}
		p.steps = append(p.steps, step{from: rest.path, to: "mail", merge: true, skip: func(rel string) bool { return apart[rel] }})
	}
	for i := range mail.steps {
		if s := &mail.steps[i]; s.whole || len(s.lines) > 0 {
			p.steps = append(p.steps, *s)
		}
	}
	p.leftOut = append(p.leftOut, mail.leftOut...)
	return nil
}

// mailOf is the piece with the mailboxes of a snapshot; false if it has none.
func (l *Live) mailOf(ctx context.Context, q *Request, p *piece) (piece, bool, error) {
	top, err := l.pieceAt(ctx, p, p.at)
	if err != nil {
		return top, false, err
	}
	email, ok, err := l.child(ctx, &top, string(backup.Email))
	if err != nil || !ok || !email.node.IsDir() {
		return email, false, err
	}
	email.kind, email.below = backup.Email, ""
	all, err := l.allDomains(ctx, q, email)
	if err != nil || len(all) == 0 || len(all[0].steps) == 0 && len(all[0].leftOut) == 0 {
		return email, false, err
	}
	return all[0], true, nil
}

// keepPrefix begins the names of the directories in which restores keep what they replace.
const keepPrefix = "slotfs-before-"
