package rival

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processes reads /proc (proc(5)). It leaves out programs of other users, whose
// environment it may not read and which need not be shown.
func processes() (running map[int]process, isKnown bool) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, false
	}
	boot, running := bootTime(), map[int]process{}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if p, ok := processAt("/proc/"+entry.Name(), boot); ok {
				p.pid = pid
				running[pid] = p
			}
		}
	}
	return running, len(running) > 0
}

// processAt reads one process. ok is false for one that has ended, for a part of the
// kernel, and for another user's.
func processAt(folder string, boot time.Time) (p process, ok bool) {
	info, err := os.Stat(folder)
	if err != nil {
		return p, false
	}
	words, err := os.ReadFile(folder + "/cmdline")
	if err != nil || len(words) == 0 {
		return p, false
	}
	p.words = strings.Split(strings.TrimSuffix(string(words), "\x00"), "\x00")
	p.parent, p.began = parentAndStart(folder, boot)
	p.variables = func() []string {
		if int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
			return nil
		}
		variables, _ := os.ReadFile(folder + "/environ")
		return strings.Split(string(variables), "\x00")
	}
	p.path = func(path string) string {
		if !filepath.IsAbs(path) {
			return filepath.Join(folder, "cwd", path)
		}
		return filepath.Join(folder, "root", path) // it may be in a container that has mounted the home elsewhere
	}
	return p, true
}

// ticks are the units of times in /proc: USER_HZ, which is 100 for programs on Linux.
const ticks = 100

// parentAndStart reads a process's parent and start from its stat. The name in
// parentheses may have blanks and parentheses in it.
func parentAndStart(folder string, boot time.Time) (parent int, began time.Time) {
	stat, _ := os.ReadFile(folder + "/stat")
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return 0, time.Time{}
	}
	parent, _ = strconv.Atoi(fields[1])
	sinceBoot, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil || boot.IsZero() {
		return parent, time.Time{}
	}
	return parent, boot.Add(time.Duration(sinceBoot) * (time.Second / ticks))
}

// bootTime is when this machine was started, to the second, zero if it does not say.
func bootTime() time.Time {
	stat, _ := os.ReadFile("/proc/stat")
	_, after, _ := strings.Cut(string(stat), "\nbtime ")
	line, _, _ := strings.Cut(after, "\n")
	seconds, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}
