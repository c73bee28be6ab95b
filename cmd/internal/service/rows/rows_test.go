package rows

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func counts(t *testing.T, dump string) map[string]int64 {
	t.Helper()
	all, err := Count(strings.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for _, one := range all {
		out[one.Name] = one.Rows
	}
	return out
}

func TestRowsAreCountedWhateverIsInThem(t *testing.T) {
	for name, c := range map[string]struct {
		dump string
		want map[string]int64
	}{
		"mysqldump": {"CREATE TABLE `wp_posts` (\n  `id` int\n);\nINSERT INTO `wp_posts` VALUES (1,'a'),(2,'b'),\n(3,'c');\nINSERT INTO `wp_posts` VALUES (4,NULL);\n", map[string]int64{"wp_posts": 4}},
		"quotes":    {`INSERT INTO t VALUES (1,'it''s ),( \'; '),(2,"\\"),(3,'a;` + "\nINSERT INTO x VALUES (1)" + `');`, map[string]int64{"t": 3}},
		"columns":   {"INSERT INTO `t` (`a`,`b`) VALUES (1,(2)),(NOW(),POINT(1,2));\n", map[string]int64{"t": 2}},
		"names":     {"CREATE TABLE IF NOT EXISTS `shop`.`odd``name` (a int);\nREPLACE INTO `odd``name` VALUES (1);\ninsert ignore into plain values (1);\n", map[string]int64{"odd`name": 1, "plain": 1}},
		"postgres":  {"CREATE TABLE public.users (\n id int\n);\nCOPY public.users (id, name) FROM stdin;\n1\ta\n2\tINSERT INTO x VALUES (1)\n\\.\n\nSELECT 1;\n", map[string]int64{"users": 2}},
		"cut off":   {"CREATE TABLE `t` (a int);\nINSERT INTO `t` VALUES (1),(2),(3,'", map[string]int64{"t": 2}},
		"no values": {"INSERT INTO `a` SELECT 1;\nINSERT INTO `b` VALUES (1);\n", map[string]int64{"a": 0, "b": 1}},
		"empty":     {"", map[string]int64{}},
		"no dump":   {"CREATE TABLE\nINSERT \nCOPY \n", map[string]int64{}},
	} {
		if got := counts(t, c.dump); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestTablesAreBounded(t *testing.T) {
	var dump strings.Builder
	for i := range MaxTables + 10 {
		fmt.Fprintf(&dump, "CREATE TABLE t%d (a int);\n", i)
	}
	if n := len(counts(t, dump.String())); n != MaxTables {
		t.Errorf("%d tables", n)
	}
}

// Whatever a dump has, reading it ends, and tells no more rows than it has bytes.
func FuzzCount(f *testing.F) {
	f.Add([]byte("CREATE TABLE `t` (a int);\nINSERT INTO `t` VALUES (1,'x'),(2,\"y\");\n"))
	f.Add([]byte("COPY public.t (a) FROM stdin;\n1\n2\n\\.\n"))
	f.Add([]byte("INSERT INTO `a`.`b``c` VALUES (1"))
	f.Fuzz(func(t *testing.T, dump []byte) {
		all, err := Count(strings.NewReader(string(dump)))
		if err != nil {
			t.Fatal(err)
		}
		rows, bytes := int64(0), int64(0)
		for _, one := range all {
			if one.Name == "" || one.Rows < 0 || one.Bytes < one.Rows {
				t.Errorf("%+v", one)
			}
			rows, bytes = rows+one.Rows, bytes+one.Bytes
		}
		if bytes > int64(len(dump)) || rows > bytes {
			t.Errorf("%d rows of %d bytes in a dump of %d", rows, bytes, len(dump))
		}
	})
}
