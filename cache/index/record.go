package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Records are structs without a description of themselves: fields in order; integers as (zigzag) varints,
// strings and slices with their length, maps sorted by key, pointers and bools as one byte, times as seconds
// and nanoseconds. Strings are raw bytes. A change of layout is a change of the format's version.

// errRecord says that a record cannot be decoded.
var errRecord = errors.New("damaged record")

// encodeRecord appends v, a struct or a pointer to one.
func encodeRecord(v any) []byte {
	return appendValue(nil, reflect.Indirect(reflect.ValueOf(v)))
}

// decodeRecord fills the struct that v points to.
func decodeRecord(data []byte, v any) error {
	d := recordDecoder{rest: data}
	d.value(reflect.ValueOf(v).Elem())
	if d.failed || len(d.rest) != 0 {
		return errRecord
	}
	return nil
}

// layoutOf describes what encodeRecord makes of a type.
func layoutOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return "time;"
		}
		var b strings.Builder
		for i := range t.NumField() {
			b.WriteString(t.Field(i).Name + " " + layoutOf(t.Field(i).Type))
		}
		return "{" + b.String() + "}"
	case reflect.Slice, reflect.Pointer:
		return t.Kind().String() + " " + layoutOf(t.Elem())
	case reflect.Array:
		return fmt.Sprintf("[%d]", t.Len()) + layoutOf(t.Elem())
	case reflect.Map:
		return "map " + layoutOf(t.Key()) + layoutOf(t.Elem())
	}
	return t.Kind().String() + ";"
}

func appendValue(out []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(out, 1)
		}
		return append(out, 0)
	case reflect.Int, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(out, v.Int())
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		return binary.AppendUvarint(out, v.Uint())
	case reflect.String:
		return append(binary.AppendUvarint(out, uint64(v.Len())), v.String()...)
	case reflect.Slice:
		out = binary.AppendUvarint(out, uint64(v.Len()))
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(out, v.Bytes()...)
		}
		return appendElements(out, v)
	case reflect.Array:
		return appendElements(out, v)
	case reflect.Map:
		return appendMap(out, v)
	case reflect.Pointer:
		if v.IsNil() {
			return append(out, 0)
		}
		return appendValue(append(out, 1), v.Elem())
	case reflect.Struct:
		return appendStruct(out, v)
	}
	panic("index: no encoding for " + v.Type().String())
}

func appendElements(out []byte, v reflect.Value) []byte {
	for i := range v.Len() {
		out = appendValue(out, v.Index(i))
	}
	return out
}

func appendMap(out []byte, v reflect.Value) []byte {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	out = binary.AppendUvarint(out, uint64(len(keys)))
	for _, k := range keys {
		out = appendValue(appendValue(out, k), v.MapIndex(k))
	}
	return out
}

func appendStruct(out []byte, v reflect.Value) []byte {
	if t, ok := v.Interface().(time.Time); ok {
		out = binary.AppendVarint(out, t.Unix())
		return binary.AppendUvarint(out, uint64(t.Nanosecond()))
	}
	for i := range v.NumField() {
		out = appendValue(out, v.Field(i))
	}
	return out
}

// recordDecoder takes values off the front of rest; after the first fault failed stays set.
type recordDecoder struct {
	rest   []byte
	failed bool
}

func (d *recordDecoder) value(v reflect.Value) {
	if d.failed {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(d.flag())
	case reflect.Int, reflect.Int32, reflect.Int64:
		n := d.varint()
		d.failed = d.failed || v.OverflowInt(n)
		v.SetInt(n)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		n := d.uvarint()
		d.failed = d.failed || v.OverflowUint(n)
		v.SetUint(n)
	case reflect.String:
		v.SetString(string(d.bytes()))
	case reflect.Slice:
		d.slice(v)
	case reflect.Array:
		for i := range v.Len() {
			d.value(v.Index(i))
		}
	case reflect.Map:
		d.mapping(v)
	case reflect.Pointer:
		if d.flag() {
			v.Set(reflect.New(v.Type().Elem()))
			d.value(v.Elem())
		}
	case reflect.Struct:
		d.structure(v)
	}
}

func (d *recordDecoder) slice(v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		if b := d.bytes(); len(b) > 0 {
			v.SetBytes(slices.Clone(b))
		}
		return
	}
	for n := d.length(); n > 0 && !d.failed; n-- {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(e)
		v.Set(reflect.Append(v, e))
	}
}

func (d *recordDecoder) mapping(v reflect.Value) {
	n := d.length()
	if n > 0 {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for ; n > 0 && !d.failed; n-- {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		d.value(key)
		d.value(value)
		v.SetMapIndex(key, value)
	}
}

func (d *recordDecoder) structure(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		sec, nsec := d.varint(), d.uvarint()
		d.failed = d.failed || nsec >= 1e9
		v.Set(reflect.ValueOf(time.Unix(sec, int64(nsec)).UTC()))
		return
	}
	for i := range v.NumField() {
		d.value(v.Field(i))
	}
}

func (d *recordDecoder) flag() bool {
	if len(d.rest) == 0 || d.rest[0] > 1 {
		d.failed = true
		return false
	}
	b := d.rest[0] == 1
	d.rest = d.rest[1:]
	return b
}

func (d *recordDecoder) varint() int64 {
	n, size := binary.Varint(d.rest)
	d.skip(size)
	return n
}

func (d *recordDecoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.rest)
	d.skip(size)
	return n
}

func (d *recordDecoder) skip(size int) {
	if size <= 0 {
		d.failed, d.rest = true, nil
		return
	}
	d.rest = d.rest[size:]
}

// length is a number of elements or bytes that follow: no more than there are bytes.
func (d *recordDecoder) length() uint64 {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.failed = true
		return 0
	}
	return n
}

func (d *recordDecoder) bytes() []byte {
	n := d.length()
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}
