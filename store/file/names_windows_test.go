package file

import (
	"path/filepath"
	"strings"
)

// homesOfSystem are the other ways to name a folder of this machine. One that a user sees as
// an administrator alone, a share of a disk, need not be there.
func homesOfSystem(folder string) map[string]string {
	shared := `localhost\` + strings.Replace(folder, ":", "$", 1)
	long := strings.Repeat("n", 100)
	return map[string]string{
		"full":              `\\?\` + filepath.Join(folder, "full"),
		"full and long":     `\\?\` + filepath.Join(folder, long, long, long),
		"device":            `\\.\` + filepath.Join(folder, "device"),
		"slashes":           filepath.ToSlash(folder) + "/slashes",
		"share":             `\\` + shared + `\share`,
		"full share":        `\\?\UNC\` + shared + `\full share`,
		"long share":        `\\` + filepath.Join(shared, "share of "+long, long, long),
		"relative to drive": folder[len(filepath.VolumeName(folder)):] + `\of drive`,
	}
}
