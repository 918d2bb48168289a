package keyscan

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// BenchmarkTree searches the files below the directory that KEYSCAN_TREE names for 2 and for 52 keys.
func BenchmarkTree(b *testing.B) {
	root := os.Getenv("KEYSCAN_TREE")
	if root == "" {
		b.Skip("KEYSCAN_TREE names no directory to search")
	}
	for _, n := range []int{2, 52} {
		b.Run(fmt.Sprintf("%d keys", n), func(b *testing.B) {
			var environments []audit.Environment
			for i := range n {
				key := fmt.Sprintf("sk_%08d4Kd9xZ27bQmT1vR8yW3pLq%04d", i*7919, i)
				environments = append(environments, audit.Environment{Name: fmt.Sprint(i), Key: audit.KeyReference{Key: secret.New([]byte(key))}})
			}
			s, err := New(&audit.Integration{Environments: environments})
			if err != nil {
				b.Fatal(err)
			}
			scanner := s.Scanner(content.Limits{})
			for b.Loop() {
				files, size := 0, int64(0)
				cuts := map[content.Reason]int{}
				_ = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
					if err != nil || !entry.Type().IsRegular() {
						return nil
					}
					data, err := os.ReadFile(path)
					if err != nil {
						return nil
					}
					files, size = files+1, size+int64(len(data))
					found, err := scanner.Bytes(b.Context(), path, data, func(f Found) { b.Errorf("%s: %+v", path, f) })
					for _, cut := range found {
						cuts[cut.Reason]++
						b.Logf("%s: %+v", path, cut)
					}
					return err
				})
				b.ReportMetric(float64(files), "files")
				b.ReportMetric(float64(size)/1e6, "MB")
				b.ReportMetric(float64(len(cuts)), "cuts")
			}
		})
	}
}
