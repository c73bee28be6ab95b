package backup

import (
	"reflect"
	"testing"
)

func TestNamesAreCollectedAndBounded(t *testing.T) {
	c := CollectNames(Names{Users: []Name{{7, "seven"}}})
	add := func(uid, gid uint32, user, group string) { c.Add(&Entry{UID: uid, GID: gid}, user, group) }
	add(1001, 1001, "alice", "alice")
	add(1001, 1001, "", "")
	add(1002, 8, "bob", "mail")
	add(1003, 8, "carol", "mail")
	add(1003, 9, "dave", "")
	want := Names{Users: []Name{{7, "seven"}, {1001, "alice"}, {1002, "bob"}, {1003, ""}}, Groups: []Name{{8, "mail"}, {1001, "alice"}}}
	if got := c.Names(); !reflect.DeepEqual(got, want) || got.User(1002) != "bob" || got.User(1003) != "" || got.User(5) != "" || got.Group(8) != "mail" {
		t.Errorf("%+v", got)
	}
	for i := range uint32(5000) {
		add(1_000_000+i, 1, "many", "")
	}
	if got := c.Names(); len(got.Users) != maxNames || got.User(1001) != "alice" {
		t.Errorf("%d names", len(got.Users))
	}
	var none *NameCollector
	none.Add(&Entry{}, "a", "b")
	if got := none.Names(); got.Users != nil {
		t.Errorf("%+v", got)
	}
}
