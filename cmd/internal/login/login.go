// Package login says who somebody is who comes with a link, a password or a cookie: signed links that end, sessions, and
// administrators with passwords. It must not know HTTP or SSH, nor what there is to see.
package login

import "fmt"

// Identity is who asks.
type Identity struct {
	// Account is whose backups he may see, and nobody else's. Empty: he is an administrator and sees everything.
	Account string `json:"account,omitempty"`
	// Name is that of an administrator; "root" is who may use slotfs on this machine.
	Name string `json:"name,omitempty"`
}

// Root is who may use slotfs on this machine.
var Root = Identity{Name: "root"}

// Admin reports whether he sees everything.
func (i Identity) Admin() bool { return i.Account == "" && i.Name != "" }

// String is how he is called in records.
func (i Identity) String() string {
	switch {
	case i.Account != "":
		return "account " + i.Account
	case i == Root:
		return "root"
	case i.Name != "":
		return "administrator " + i.Name
	}
	return "nobody"
}

// valid refuses who is nobody, or two at once.
func (i Identity) valid() error {
	if (i.Account == "") == (i.Name == "") {
		return fmt.Errorf("identity %+v: want an account or an administrator", i)
	}
	return nil
}
