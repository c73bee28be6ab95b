package panel

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"time"

	"slotfs/indexer/lru"
)

// ErrProof says that somebody did not prove that he is logged in to a panel.
var ErrProof = errors.New("that needs proof that you are logged in to the panel")

// proofTime is how long a proof may be used after it was made.
const proofTime = time.Minute

// keptProofs bounds the proofs: the oldest is worth nothing any more.
const keptProofs = 10_000

// Proofs are made by a panel's own process as root, each for one account, and prove once that a request comes from a page of the panel.
// Its methods may be called side by side.
type Proofs struct {
	Now func() time.Time

	mu   sync.Mutex
	made lru.Map[[sha256.Size]byte, proof] // guarded by mu; by the hash of the text
}

type proof struct {
	account string
	expires time.Time
}

// Make makes a proof for an account.
func (p *Proofs) Make(account string) string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	text := base64.RawURLEncoding.EncodeToString(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made.Put(sha256.Sum256([]byte(text)), proof{account, p.Now().Add(proofTime)}, 1)
	p.made.Shrink(keptProofs, nil)
	return text
}

// Use takes a proof, which is worth nothing afterwards, whoever shows it.
func (p *Proofs) Use(text, account string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := sha256.Sum256([]byte(text))
	of, ok := p.made.Get(key)
	p.made.Delete(key)
	if !ok || of.account != account || !p.Now().Before(of.expires) {
		return ErrProof
	}
	return nil
}
