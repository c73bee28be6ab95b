package alarm

import (
	"fmt"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/term"
)

// destination tells what is wrong with a destination itself.
func (s *search) destination(d *config.Destination) {
	s.unreachable(d)
	s.hostKey(d)
	s.nearlyFull(d)
}

func (s *search) unreachable(d *config.Destination) {
	since, out := s.Board.Troubles[history.Trouble{Destination: d.Name, Cause: history.Unreachable}]
	if at, ok := s.Outages[d.Name]; ok {
		if at.IsZero() {
			out = false // this process has reached it since
		} else if !out || at.Before(since) {
			since, out = at, true
		}
	}
	f := Finding{Key: Key{Unreachable, d.Name}, Destination: d.Name, Since: since}
	f.Fine = !out || s.Now.Sub(since) < s.Config.Watch.UnreachableAfter || s.Config.Watch.UnreachableAfter < 0
	f.Text = fmt.Sprintf("%s: unreachable %s", d.Name, ago(since, s.Now))
	s.add(f)
}

func (s *search) hostKey(d *config.Destination) {
	since, wrong := s.Board.Troubles[history.Trouble{Destination: d.Name, Cause: history.HostKey}]
	s.add(Finding{Key: Key{HostKey, d.Name}, Destination: d.Name, Since: since, Fine: !wrong,
		Text: fmt.Sprintf("%s: the server has another host key, connections are refused since %s", d.Name, since.Local().Format("2006-01-02 15:04"))})
}

func (s *search) nearlyFull(d *config.Destination) {
	room := s.Room(d.Name)
	if room.Size <= 0 {
		return // the server does not tell
	}
	used := Used(room)
	s.add(Finding{Key: Key{NearlyFull, d.Name}, Destination: d.Name, Since: room.At, Fine: used < float64(s.Config.Watch.NearlyFull),
		Text: fmt.Sprintf("%s: %.0f%% in use, %s of %s left", d.Name, used, term.Bytes(room.Free), term.Bytes(room.Size))})
}

// Used is the share of a room that is in use, in percent.
func Used(r history.Room) float64 { return 100 * float64(r.Size-r.Free) / float64(r.Size) }

// Room is the newest measurement of the room on a destination.
func (f *Facts) Room(destination string) history.Room {
	room := f.Board.Rooms[destination]
	if own := f.Rooms[destination]; own.At.After(room.At) {
		return own
	}
	return room
}

// LastGood is when the newest good backup of a job was made; zero: none.
func (f *Facts) LastGood(job string) (newest time.Time) {
	for key, standing := range f.Board.All {
		if key.Kind == history.Backup && key.Job == job && standing.LastGood.After(newest) {
			newest = standing.LastGood
		}
	}
	return newest
}
