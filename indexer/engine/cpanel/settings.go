package cpanel

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"slotfs/indexer/backup"
)

// owner tells the account's ids. Trees that were rsynced without root belong to somebody else or to root,
// and the ids then stand in the account's own files: proftpdpasswd, which the server wrote, before the
// passwd files that the customer can write too.
func (c *partitioner) owner() *backup.Owner {
	if c.hasHome && c.home.UID != 0 {
		return &backup.Owner{UID: c.home.UID, GID: c.home.GID}
	}
	if c.root.kind == homeRoot {
		return nil // everything in there is the customer's to write
	}
	if o := ownerIn(c.content("proftpdpasswd"), c.account); o != nil {
		return o
	}
	etc, _ := c.directory(c.home, "etc")
	below := strings.TrimPrefix(etc.path, c.root.path)
	for domain := range c.each(etc) {
		if _, ok := c.in(domain, "passwd"); !ok {
			continue
		}
		if o := ownerIn(c.content(strings.TrimPrefix(below, "/"), domain.Name, "passwd"), ""); o != nil {
			return o
		}
	}
	return nil
}

// ownerIn reads the ids in lines of login:hash:uid:gid:..., those of login before others.
func ownerIn(data []byte, login string) *backup.Owner {
	var first *backup.Owner
	for line := range bytes.Lines(data) {
		f := strings.Split(strings.TrimRight(string(line), "\r\n"), ":")
		if len(f) < 4 {
			continue
		}
		uid, err1 := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err1 != nil || err2 != nil || uid == 0 || gid == 0 || uid == math.MaxUint32 || gid == math.MaxUint32 {
			continue
		}
		o := &backup.Owner{UID: uint32(uid), GID: uint32(gid)}
		if f[0] == login {
			return o
		}
		if first == nil && f[0] != "ftp" { // the anonymous login may have ids of the server's
			first = o
		}
	}
	return first
}

// countFTP counts the logins in proftpdpasswd that people made: USER_logs and the anonymous ones are the
// server's.
func countFTP(data []byte, account string) int {
	n := 0
	for line := range bytes.Lines(data) {
		login, _, ok := strings.Cut(string(line), ":")
		if !ok || login == "" || login[0] == '#' {
			continue
		}
		if login == "ftp" || login == "anonymous" || login == account+"_logs" {
			continue
		}
		n++
	}
	return n
}

// parseDomains reads userdata/main: the names in main_domain, addon_domains, parked_domains and
// sub_domains, each once. Nodes are walked rather than decoded, so that aliases are never expanded.
func parseDomains(data []byte) map[string]bool {
	var doc yaml.Node
	if len(data) > maxSettings || yaml.Unmarshal(data, &doc) != nil || len(doc.Content) != 1 {
		return nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil
	}
	names := make(map[string]bool)
	add := func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && validDomain(n.Value) {
			names[n.Value] = true
		}
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		value := top.Content[i+1]
		switch top.Content[i].Value {
		case "main_domain":
			add(value)
		case "addon_domains": // domain: subdomain that serves it
			for k := 0; value.Kind == yaml.MappingNode && k < len(value.Content); k += 2 {
				add(value.Content[k])
			}
		case "parked_domains", "sub_domains":
			for _, n := range value.Content {
				if value.Kind == yaml.SequenceNode {
					add(n)
				}
			}
		}
	}
	return names
}
