package panel

import (
	"os"
	"path/filepath"
	"strings"
)

// Withholds reports whether cPanel keeps the feature from an account: the feature list of its package has slotfs=0, or the list of what is
// disabled for everybody. Where there is no cPanel nothing is kept from anybody. root is "/", or where another system's is.
func Withholds(root, account string) bool {
	if account == "" || strings.ContainsAny(account, "/\x00") {
		return true
	}
	user, err := os.ReadFile(filepath.Join(root, "var/cpanel/users", account))
	if err != nil {
		return false
	}
	list := setting(user, "FEATURELIST")
	if list == "" || strings.Contains(list, "/") {
		list = "default"
	}
	for _, name := range []string{list, "disabled"} {
		features, err := os.ReadFile(filepath.Join(root, "var/cpanel/features", name))
		if err == nil && setting(features, Feature) == "0" {
			return true
		}
	}
	return false
}

// Administers reports whether somebody who is logged in to WHM is root, or a reseller with all privileges.
func Administers(root, user string) bool {
	if user == "root" {
		return true
	}
	resellers, err := os.ReadFile(filepath.Join(root, "var/cpanel/resellers"))
	if err != nil || user == "" || strings.ContainsAny(user, ":,\n") {
		return false
	}
	for line := range strings.SplitSeq(string(resellers), "\n") {
		name, privileges, _ := strings.Cut(line, ":")
		if name != user {
			continue
		}
		for p := range strings.SplitSeq(privileges, ",") {
			if strings.TrimSpace(p) == "all" {
				return true
			}
		}
	}
	return false
}

// setting is the value of a key in lines of key=value.
func setting(text []byte, key string) string {
	for line := range strings.SplitSeq(string(text), "\n") {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
