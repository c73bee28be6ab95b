package mysql

import (
	"fmt"
	"os"
	"testing"

	"slotfs/fs/restore/live/servertest"
)

// real is the server of all tests of this package.
var real *servertest.MariaDB

func TestMain(m *testing.M) {
	if os.Getenv(stageVariable) != "" {
		os.Exit(killedAt())
	}
	os.Exit(withServer(m))
}

func withServer(m *testing.M) int {
	dir, err := servertest.Dir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if real, err = servertest.NewMariaDB(dir, "--log-bin=binlog", "--server-id=1", "--log-bin-trust-function-creators=ON"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { real.Kill() }()
	return m.Run()
}
