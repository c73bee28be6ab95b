package tree

import "slotfs/indexer/backup"

// References returns the hashes that the node encoded in data refers to, for sweeping: nodes of
// directories, pages and buckets. Some may be there several times. What is not a node, such as the
// list of parts, is an error.
func References(data []byte) ([]backup.Hash, error) {
	n, err := decode(data)
	if err != nil {
		return nil, err
	}
	var all []backup.Hash
	switch n := n.(type) {
	case *page:
		for _, m := range n.dirs {
			if h := n.recs[m.at].more.child; !h.IsZero() {
				all = append(all, h)
			}
		}
	case *indexNode:
		for i := range n.pages {
			all = append(all, n.pages[i].hash)
		}
		for _, h := range n.buckets {
			if !h.IsZero() {
				all = append(all, h)
			}
		}
	}
	return all, nil
}
