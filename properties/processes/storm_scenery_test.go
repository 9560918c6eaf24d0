package processes

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sceneryBytes is how much is shown of the end of a file, and of what a process said.
const sceneryBytes = 4000

// scenery is what there is to see when a storm breaks something: the home's files, and what the
// processes that live have said. Of a file with a login it has the name alone.
func (s *storm) scenery() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d granted, the last one %v ago; %d died of %d\n", time.Now().UTC().Format(time.RFC3339Nano),
		s.issuer.Counts().Grants, time.Since(s.archive.lastGrant()).Round(time.Millisecond), s.deaths.Load(), s.toDie())
	_ = filepath.WalkDir(s.home, func(path string, each fs.DirEntry, err error) error {
		if err != nil || each.IsDir() {
			return nil // it is gone by now, or its files come next
		}
		b.WriteString("== " + each.Name())
		if info, err := each.Info(); err == nil {
			fmt.Fprintf(&b, ", %d bytes of %s", info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
		}
		b.WriteString("\n")
		if !strings.HasPrefix(each.Name(), "auth.json") {
			content, _ := os.ReadFile(path)
			b.WriteString(endOf(string(content)) + "\n")
		}
		return nil
	})
	s.living.Range(func(key, _ any) bool {
		l := key.(*life)
		fmt.Fprintf(&b, "== process %d, %s, lives for %v and dies %q\n%s\n", l.Process.Process.Pid, filepath.Base(l.Process.Path),
			time.Since(l.born).Round(time.Millisecond), l.place, endOf(l.Stderr.String()))
		return true
	})
	return b.String()
}

func endOf(text string) string { return text[max(0, len(text)-sceneryBytes):] }
