// Command sftpserver serves one directory by SFTP on a free port of the loopback interface, for the demo: to whoever knows the
// password, and to the keys that are installed in the directory's .ssh/authorized_keys. It prints its port and the fingerprint of
// its host key, and ends with its standard input. It needs no rights and no packages; it is no server for anything else.
//
//	go run ./scripts/sftpserver -password SECRET DIR
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"slotfs/sftpdest/sshdtest"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("sftpserver: ")
	password := flag.String("password", "", "password that lets in")
	flag.Parse()
	if flag.NArg() != 1 || *password == "" {
		log.Fatal("usage: sftpserver -password SECRET DIR")
	}
	if err := serve(flag.Arg(0), *password); err != nil {
		log.Fatal(err)
	}
}

func serve(directory, password string) error {
	// The server takes no relative path for its root.
	root, err := filepath.Abs(directory)
	if err != nil {
		return err
	}
	s, err := sshdtest.StartLocal(sshdtest.LocalOptions{
		Root: root, Password: password, AuthorizedFile: filepath.Join(root, ".ssh", "authorized_keys"),
	})
	if err != nil {
		return err
	}
	defer s.Close()
	fingerprint, err := fingerprint(s.HostKeys[0])
	if err != nil {
		return err
	}
	fmt.Println(s.Port, fingerprint)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// fingerprint is what ssh-keygen -l shows of a public key, "TYPE BASE64".
func fingerprint(line string) (string, error) {
	_, text, _ := strings.Cut(line, " ")
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("host key: %w", err)
	}
	sum := sha256.Sum256(key)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:]), nil
}
