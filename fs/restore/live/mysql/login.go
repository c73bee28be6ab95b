package mysql

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Login is where a server is and who logs in.
type Login struct {
	Socket         string
	Host           string
	Port           int
	User, Password string
	File           string // the only option file that is read; "": those that clients read
}

// clientGroups are the sections of option files that the clients of both products read.
var clientGroups = []string{"client", "client-server", "client-mariadb", "mysql", "mariadb-client"}

// sockets are where distributions have the server's socket.
var sockets = []string{"/var/lib/mysql/mysql.sock", "/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/tmp/mysql.sock"}

// FindLogin finds how this machine's server is reached, as the command mysql does: from option files, or from file alone.
func FindLogin(file, home string) (Login, error) {
	l := Login{User: "root", File: file}
	files := []string{"/etc/my.cnf", "/etc/mysql/my.cnf", filepath.Join(home, ".my.cnf")}
	if file != "" {
		files = []string{file}
	}
	for _, name := range files {
		err := l.read(name, 0)
		if err != nil && (file != "" || !errors.Is(err, fs.ErrNotExist)) {
			return l, err
		}
	}
	if l.Socket == "" && l.Host == "" {
		l.Socket = sockets[0]
		for _, s := range sockets {
			if _, err := os.Stat(s); err == nil {
				l.Socket = s
				break
			}
		}
	}
	return l, nil
}

const maxIncluded = 10 // option files within each other

// read reads one option file (https://mariadb.com/kb/en/configuring-mariadb-with-option-files/).
func (l *Login) read(name string, depth int) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	group := ""
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case strings.HasPrefix(line, "!include") && depth < maxIncluded:
			l.include(line, depth)
		case line[0] == '[':
			group = strings.Trim(line, "[] \t")
		case slices.Contains(clientGroups, group):
			key, value, _ := strings.Cut(line, "=")
			l.set(strings.ReplaceAll(strings.TrimSpace(key), "_", "-"), optionValue(value))
		}
	}
	return lines.Err()
}

// include reads the files that a line names. Those that cannot be read are left out, as clients do.
func (l *Login) include(line string, depth int) {
	if dir, ok := strings.CutPrefix(line, "!includedir"); ok {
		files, _ := filepath.Glob(filepath.Join(strings.TrimSpace(dir), "*.cnf"))
		for _, name := range files {
			_ = l.read(name, depth+1)
		}
		return
	}
	_ = l.read(strings.TrimSpace(strings.TrimPrefix(line, "!include")), depth+1)
}

func (l *Login) set(key, value string) {
	switch key {
	case "socket":
		l.Socket = value
	case "host":
		if value != "localhost" {
			l.Host = value
		}
	case "port":
		l.Port, _ = strconv.Atoi(value)
	case "user":
		l.User = value
	case "password", "loose-password":
		l.Password = value
	}
}

// optionValue is a value of an option file: quotes around it go away, and what follows a '#' behind a blank.
func optionValue(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 1 && (s[0] == '"' || s[0] == '\'') {
		if end := strings.LastIndexByte(s, s[0]); end > 0 {
			return unescapeOption(s[1:end])
		}
	}
	if i := strings.Index(s, " #"); i >= 0 {
		s = strings.TrimSpace(s[:i])
	}
	return unescapeOption(s)
}

var optionEscapes = strings.NewReplacer(`\\`, `\`, `\s`, " ", `\t`, "\t", `\n`, "\n", `\r`, "\r", `\b`, "\b", `\"`, `"`, `\'`, `'`)

func unescapeOption(s string) string { return optionEscapes.Replace(s) }
