//go:build race

package main

// The program that the tests start is built as they are.
const cgo = "1"

var buildFlags = []string{"-race", "."}
