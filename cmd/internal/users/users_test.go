package users

import (
	"os"
	"path/filepath"
	"testing"
)

func TestParsePasswdLeavesSystemUsersOut(t *testing.T) {
	ids := parsePasswd("root:x:0:0::/:/bin/sh\nmysql:x:110:110::/:/x\nalice:x:1001:1002::/home/alice:/bin/sh\nbad:x:y:z\n\n:x:1:1\n")
	if len(ids) != 1 || ids["alice"] != [2]uint32{1001, 1002} {
		t.Errorf("users %v", ids)
	}
}

func TestAUidIsOneUserOrNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(path, []byte("root:x:0:0::/:/x\nmail:x:8:8::/:/x\nalice:x:1001:1::/:/x\nbob:x:1002:1::/:/x\nbobs-twin:x:1002:1::/:/x\nnobody:x:65534:65534::/:/x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	u := New(path)
	for uid, want := range map[uint32]string{0: "", 8: "", 1001: "alice", 1002: "", 65534: "", 4711: ""} {
		if name, ok := u.Name(uid); name != want || ok != (want != "") {
			t.Errorf("%d: %q, %v", uid, name, ok)
		}
	}
}
