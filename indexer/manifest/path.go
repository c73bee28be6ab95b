package manifest

import "strings"

// Below reports whether a path is anywhere below dir; "" is the account's directory.
func Below(path, dir string) bool {
	if dir == "" {
		return path != ""
	}
	return len(path) > len(dir) && path[len(dir)] == '/' && strings.HasPrefix(path, dir)
}

// Join joins two paths, either of which may be "".
func Join(dir, name string) string {
	switch {
	case dir == "":
		return name
	case name == "":
		return dir
	}
	return dir + "/" + name
}

// Base is the last element of a path.
func Base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
