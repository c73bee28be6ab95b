//go:build !race

package main

// The program that the tests start is built as it is for a release.
const cgo = "0"

var buildFlags = []string{"."}
