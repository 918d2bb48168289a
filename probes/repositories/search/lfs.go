package search

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/gitrepo"
)

// This file finds files whose content is kept in Git LFS.

// lfsPointer is what a file kept in Git LFS has in git.
type lfsPointer struct {
	sha256 string
	size   int64
}

// maxPointer is the size below which the LFS specification has pointers.
const maxPointer = 1024

func parseLFS(data []byte) (lfsPointer, bool) {
	if len(data) >= maxPointer || !bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/v1")) &&
		!bytes.HasPrefix(data, []byte("version https://hawser.github.com/spec/v1")) {
		return lfsPointer{}, false
	}
	var p lfsPointer
	for line := range bytes.Lines(data) {
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		switch key {
		case "oid":
			p.sha256, _ = strings.CutPrefix(value, "sha256:")
		case "size":
			p.size, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	_, err := hex.DecodeString(p.sha256)
	return p, err == nil && len(p.sha256) == 64
}

// lfs reports a pointer whose content is not in this repository's LFS store;
// what is there is searched with git's own files.
func (s *scanner) lfs(p lfsPointer, src source) {
	if p.size == 0 {
		return
	}
	path := filepath.Join(s.CommonDir, "lfs", "objects", p.sha256[:2], p.sha256[2:4], p.sha256)
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == p.size {
		if damaged := s.lfsDamaged(path, p.sha256); damaged != "" {
			s.gapIn(src, LFSAbsent, "", fmt.Sprintf("the content (sha256:%s) that is kept in Git LFS %s: git lfs fsck", p.sha256, damaged))
		}
		return
	}
	s.gapIn(src, LFSAbsent, "", fmt.Sprintf("the content (sha256:%s) is kept in Git LFS and is not here: git lfs fetch --all", p.sha256))
}

// lfsDamaged says what is wrong with a file of the LFS store, which is named by the SHA-256 of what it should hold; each is read once.
func (s *scanner) lfsDamaged(path, sum string) string {
	checked, _ := s.lfsChecked.LoadOrStore(path, sync.OnceValue(func() string {
		f, _, err := gitrepo.OpenFile(path)
		if err != nil {
			return "cannot be read"
		}
		defer f.Close() //nolint:errcheck // only read from
		h := sha256.New()
		if _, err := io.Copy(h, content.Until(s.ctx, f)); err != nil {
			return "cannot be read"
		}
		if hex.EncodeToString(h.Sum(nil)) != strings.ToLower(sum) {
			return "is damaged"
		}
		return ""
	}))
	return checked.(func() string)()
}
