package users

import "testing"

func TestParsePasswdLeavesSystemUsersOut(t *testing.T) {
	ids := parsePasswd("root:x:0:0::/:/bin/sh\nmysql:x:110:110::/:/x\nalice:x:1001:1002::/home/alice:/bin/sh\nbad:x:y:z\n\n:x:1:1\n")
	if len(ids) != 1 || ids["alice"] != [2]uint32{1001, 1002} {
		t.Errorf("users %v", ids)
	}
}
