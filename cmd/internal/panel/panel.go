// Package panel knows hosting panels: what their plug-ins are called, which accounts have the feature, and how somebody proves that he is
// logged in there. It must not know what there is to see, nor how plug-ins are installed.
package panel

// Kinds of pages in panels.
const (
	WHM         = "whm"         // of administrators of cPanel & WHM, as root
	CPanel      = "cpanel"      // of owners of accounts, as their users
	DirectAdmin = "directadmin" // the same
)

// Feature is the key of Feature Manager by which hosts grant the page of cPanel to accounts.
const Feature = "slotfs"

// Headers of what a panel's page asks the process that has the index.
const (
	HeaderUser  = "X-Panel-User"  // who is logged in to WHM
	HeaderFrom  = "X-Panel-From"  // from where, for records
	HeaderProof = "X-Panel-Proof" // see Proofs and Session
)

// What the control socket answers beside the API: the pages of administrators below AdminPrefix, and POST of ProofPath/ACCOUNT with a
// proof of Proofs.
const (
	AdminPrefix = "/panel"
	ProofPath   = "/panel-proofs"
)

// Root is the root of this machine's file system.
const Root = "/"
