package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/varint"
)

// Records are structs without a description of themselves. A record begins with recordMark. A struct is the number of
// its fields (uvarint) and the fields in order; integers are (zigzag) varints, strings and slices have their length
// before them, maps are sorted by key, pointers and bools are one byte, times seconds and nanoseconds. Strings are raw
// bytes.
//
// A struct may get further fields at its end: a record that was written before has fewer, and they are zero. What
// else changes the layout takes another formatNumber. Records of the first format have no mark and no numbers of fields;
// their structs have as many as firstFields says.

// errRecord says that a record cannot be decoded.
var errRecord = errors.New("damaged record")

// recordMark begins a record. In the first format it would be the length of a string of 4 TiB, or such a serial.
var recordMark = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 2}

// firstFields is how many fields the structs of records had in the first format, where it is not as many as now.
var firstFields = map[reflect.Type]int{
	reflect.TypeFor[backup.Source]():     13,
	reflect.TypeFor[backup.Snapshot]():   13,
	reflect.TypeFor[backup.Entry]():      16,
	reflect.TypeFor[backup.Unfinished](): 5,
	reflect.TypeFor[backup.File]():       3,
}

// encodeRecord encodes v, a struct or a pointer to one.
func encodeRecord(v any) []byte {
	return appendValue(slices.Clone(recordMark), reflect.Indirect(reflect.ValueOf(v)))
}

// decodeRecord fills the struct that v points to.
func decodeRecord(data []byte, v any) error {
	d := recordDecoder{Decoder: varint.Decoder{Rest: data}}
	if rest, marked := bytes.CutPrefix(data, recordMark); marked {
		d.Rest, d.counted = rest, true
	}
	d.value(reflect.ValueOf(v).Elem())
	if d.Failed || len(d.Rest) != 0 {
		return errRecord
	}
	return nil
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
	out = binary.AppendUvarint(out, uint64(v.NumField()))
	for i := range v.NumField() {
		out = appendValue(out, v.Field(i))
	}
	return out
}

// recordDecoder takes values off the front of a record.
type recordDecoder struct {
	varint.Decoder
	counted bool // structs begin with the number of their fields
}

func (d *recordDecoder) value(v reflect.Value) {
	if d.Failed {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(d.flag())
	case reflect.Int, reflect.Int32, reflect.Int64:
		n := d.Varint()
		d.Failed = d.Failed || v.OverflowInt(n)
		v.SetInt(n)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		n := d.Uvarint()
		d.Failed = d.Failed || v.OverflowUint(n)
		v.SetUint(n)
	case reflect.String:
		v.SetString(string(d.Bytes()))
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
		if b := d.Bytes(); len(b) > 0 {
			v.SetBytes(slices.Clone(b))
		}
		return
	}
	for n := d.length(); n > 0 && !d.Failed; n-- {
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
	for ; n > 0 && !d.Failed; n-- {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		d.value(key)
		d.value(value)
		v.SetMapIndex(key, value)
	}
}

func (d *recordDecoder) structure(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		sec, nsec := d.Varint(), d.Uvarint()
		d.Failed = d.Failed || nsec >= 1e9
		v.Set(reflect.ValueOf(time.Unix(sec, int64(nsec)).UTC()))
		return
	}
	for i := range d.fields(v) {
		d.value(v.Field(i))
	}
}

// fields is how many fields of the struct v the record has. More than v has were written by a later version.
func (d *recordDecoder) fields(v reflect.Value) int {
	n := uint64(v.NumField())
	if d.counted {
		n = d.Uvarint()
	} else if first, ok := firstFields[v.Type()]; ok {
		n = uint64(first)
	}
	if n > uint64(v.NumField()) {
		d.Failed = true
		return 0
	}
	return int(n)
}

func (d *recordDecoder) flag() bool {
	b := d.Byte()
	if b > 1 {
		d.Fail()
	}
	return b == 1
}

// length is a number of elements that follow: no more than there are bytes.
func (d *recordDecoder) length() uint64 {
	n := d.Uvarint()
	if n > uint64(len(d.Rest)) {
		d.Fail()
		return 0
	}
	return n
}
