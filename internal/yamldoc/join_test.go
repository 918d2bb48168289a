package yamldoc

import "testing"

func TestJoin(t *testing.T) {
	t.Parallel()
	got, err := Join("environments:\n  test:\n    a: 1\nlogs:\n  - {path: x}\n", "", "logs:\n  - {path: x}\n  - {path: y}\nenvironments:\n  live:\n    b: 2\n  test:\n    a: 3\n    c: []\n")
	if err != nil {
		t.Fatal(err)
	}
	const want = "environments:\n  test:\n    a: 1\n    c: []\n  live:\n    b: 2\nlogs:\n  - {path: x}\n  - {path: y}\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if empty, err := Join(); empty != "" || err != nil {
		t.Errorf("got %q, %v", empty, err)
	}
	if _, err := Join("a: [1"); err == nil {
		t.Error("half a document is merged")
	}
}
