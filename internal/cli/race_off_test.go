//go:build !race

package cli_test

const everyNth = 1
