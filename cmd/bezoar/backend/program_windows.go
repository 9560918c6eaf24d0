package backend

import "io/fs"

func changeOf(fs.FileInfo) any { return nil }
