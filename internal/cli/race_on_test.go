//go:build race

package cli_test

// everyNth: the race detector makes an audit several times slower, and looks at how goroutines share memory, which is the same in every
// row. So it sees every eighth; all of them are held to the truth by the plain test command.
const everyNth = 8
