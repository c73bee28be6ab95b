package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// settings makes the small files that stand beside the home directory.
func (a *account) settings() error {
	id := fmt.Sprint(a.uid)
	files := map[string]string{
		"cp/" + a.user:                          "DNS=" + a.domain + "\nOWNER=root\nPLAN=default\nUSER=" + a.user + "\nMAILBOX_FORMAT=maildir\n",
		"userdata/main":                         "---\naddon_domains: {}\nmain_domain: " + a.domain + "\nparked_domains: []\nsub_domains:\n  - blog." + a.domain + "\n",
		"userdata/" + a.domain:                  "---\ndocumentroot: /home/" + a.user + "/public_html\nserveradmin: webmaster@" + a.domain + "\n",
		"dnszones/" + a.domain + ".db":          "$TTL 14400\n@ 86400 IN SOA ns1." + a.domain + ". root." + a.domain + ". (2025110300 3600 1800 1209600 86400)\n@ IN A 192.0.2.10\n",
		"cron/" + a.user:                        "MAILTO=\"\"\n17 3 * * * /usr/bin/php /home/" + a.user + "/public_html/cron.php\n",
		"va/" + a.domain:                        "sales@" + a.domain + ": info@" + a.domain + "\n*: :fail: No Such User Here\n",
		"vf/" + a.domain:                        "",
		"apache_tls/" + a.domain:                "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGV4YW1wbGUgb25seSwgbm90IGEga2V5ISEh\n-----END PRIVATE KEY-----\n",
		"domainkeys/public/" + a.domain:         "-----BEGIN PUBLIC KEY-----\nexample\n-----END PUBLIC KEY-----\n",
		"domainkeys/private/" + a.domain:        "-----BEGIN RSA PRIVATE KEY-----\nexample\n-----END RSA PRIVATE KEY-----\n",
		"proftpdpasswd":                         a.user + ":$6$x$y:" + id + ":" + id + ":" + a.user + ":/home/" + a.user + ":/bin/ftpsh\nweb@" + a.domain + ":$6$x$z:" + id + ":" + id + ":" + a.user + ":/home/" + a.user + "/public_html:/bin/ftpsh\n",
		"shadow":                                "$6$examplesalt$examplehash",
		"quota":                                 "1000",
		"shell":                                 "/usr/local/cpanel/bin/jailshell",
		"version":                               "pkgacct version: 10",
		"homedir/etc/" + a.domain + "/passwd":   "info:x:" + id + ":" + id + "::/home/" + a.user + "/mail/" + a.domain + "/info:/usr/local/cpanel/bin/noshell\n",
		"homedir/etc/" + a.domain + "/shadow":   "info:$6$a$b:19000::::::\n",
		"homedir/etc/" + a.domain + "/quota":    "info:262144000\n",
		"homedir/.autorespond/info@" + a.domain: "From: \"Info\" <info@" + a.domain + ">\nSubject: away\n\nBack on Monday.\n",
	}
	for _, name := range sortedKeys(files) {
		if err := a.write(name, []byte(files[name])); err != nil {
			return err
		}
	}
	return nil
}

// databases makes dumps and the grants of their users.
func (a *account) databases() error {
	var grants bytes.Buffer
	for i, name := range []string{a.user + "_wp", a.user + "_shop"} {
		dump := a.dump(name, a.size*shareDatabase/100/2)
		if err := a.write("mysql/"+name+".sql", dump); err != nil {
			return err
		}
		if err := a.write("mysql/"+name+".create", []byte("CREATE DATABASE `"+name+"`;\n")); err != nil {
			return err
		}
		user := fmt.Sprintf("%s_u%d", a.user, i+1)
		fmt.Fprintf(&grants, "GRANT USAGE ON *.* TO '%s'@'localhost' IDENTIFIED BY PASSWORD '*%040X';\n", user, i+1)
		fmt.Fprintf(&grants, "GRANT ALL PRIVILEGES ON `%s\\_%s`.* TO '%s'@'localhost';\n", a.user, name[len(a.user)+1:], user)
	}
	if err := a.write("mysql/roundcube.sql", []byte("-- webmail\n")); err != nil {
		return err
	}
	return a.write("mysql.sql", grants.Bytes())
}

// dump is a mysqldump of one table of posts.
func (a *account) dump(name string, size int64) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "-- MySQL dump 10.19  Distrib 10.6.18-MariaDB, for Linux (x86_64)\n--\n-- Database: %s\n\n", name)
	out.WriteString("CREATE TABLE `wp_posts` (`ID` bigint(20) unsigned NOT NULL AUTO_INCREMENT, `post_content` longtext NOT NULL);\n")
	for id := 1; int64(out.Len()) < size; id++ {
		text := a.text(200 + a.random.IntN(3000))
		text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("'"), []byte("\\'")), []byte("\n"), []byte("\\n"))
		fmt.Fprintf(&out, "INSERT INTO `wp_posts` VALUES (%d,%d,'2025-%02d-%02d 10:%02d:00','%s','publish','open','%x');\n",
			id, 1+a.random.IntN(9), 1+a.random.IntN(12), 1+a.random.IntN(28), a.random.IntN(60), text, a.random.Uint64())
	}
	out.WriteString("-- Dump completed on 2026-01-05  2:00:11\n")
	return out.Bytes()
}

// sites makes scripts of the size that a content management system's have.
func (a *account) sites() error {
	left := a.size * shareSites / 100
	for i := 0; left > 0; i++ {
		n := 500 + int(a.random.ExpFloat64()*12000)
		name := fmt.Sprintf("homedir/public_html/wp-content/plugins/plugin%02d/inc%02d/class-%04d.php", i/200, i/20%10, i)
		if err := a.write(name, append([]byte("<?php\n"), a.text(n)...)); err != nil {
			return err
		}
		left -= int64(n)
	}
	return a.write("homedir/public_html/index.php", []byte("<?php\nrequire __DIR__ . '/wp-blog-header.php';\n"))
}

// pictures makes files that do not compress.
func (a *account) pictures() error {
	left := a.size * sharePictures / 100
	for i := 0; left > 0; i++ {
		picture := make([]byte, 8000+int(a.random.ExpFloat64()*150000))
		a.fill(picture)
		copy(picture, "\xff\xd8\xff\xe0")
		if err := a.write(fmt.Sprintf("homedir/public_html/wp-content/uploads/2025/%02d/img-%05d.jpg", 1+i%12, i), picture); err != nil {
			return err
		}
		left -= int64(len(picture))
	}
	return nil
}

// mail makes a maildir with attachments.
func (a *account) mail() error {
	left := a.size * shareMail / 100
	box := "homedir/mail/" + a.domain + "/info/"
	for i := 0; left > 0; i++ {
		attachment := make([]byte, int(a.random.ExpFloat64()*9000))
		a.fill(attachment)
		message := fmt.Appendf(nil, "Return-Path: <someone@example.org>\nDelivered-To: info@%s\nSubject: message %d\nMessage-ID: <%x@example.org>\n\n%s\n%s\n",
			a.domain, i, a.random.Uint64(), a.text(300+a.random.IntN(1500)), base64.StdEncoding.EncodeToString(attachment))
		directory := []string{"cur", ".Sent/cur", ".Archive/cur"}[a.random.IntN(3)]
		name := fmt.Sprintf("%s%s/%d.M%dP%d.srv1.%s,S=%d:2,S", box, directory, 1760000000+i*77, a.random.IntN(1000000), 1000+a.random.IntN(30000), a.domain, len(message))
		if err := a.write(name, message); err != nil {
			return err
		}
		left -= int64(len(message))
	}
	return a.mkdirs(box+"new", box+"tmp", "homedir/mail/cur", "homedir/mail/new", "homedir/mail/tmp")
}

// links makes the symbolic links that every account has.
func (a *account) links() error {
	for name, target := range map[string]string{
		"homedir/www":                   "public_html",
		"homedir/access-logs":           "/etc/apache2/logs/domlogs/" + a.user,
		"homedir/mail/info@" + a.domain: a.domain + "/info",
		"homedir/mail/.info@" + strings.ReplaceAll(a.domain, ".", "_"): a.domain + "/info",
	} {
		if err := os.Symlink(target, filepath.Join(a.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (a *account) mkdirs(names ...string) error {
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(a.dir, name), 0o755); err != nil {
			return err
		}
	}
	return nil
}
