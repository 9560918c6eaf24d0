package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/protocol/front/surface"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// ErrNotAsked reports a backend whose words do not say app-server, so that it is not known
// how to have it write its schema. The built-in table has to do.
var ErrNotAsked = errors.New("the words of the backend do not say app-server")

const (
	askLimit      = 10 * time.Second // for each of two runs; Codex takes a sixth of a second
	schemaByteMax = 16 << 20
)

// Surface asks the program for the schema of its requests, in a home that is thrown away.
// It takes half a second, or twenty until it gives up. An error says that nothing was
// learned: use [surface.BuiltIn].
func (c Command) Surface(ctx context.Context) (*surface.Table, error) {
	words, _, ok := c.server()
	if !ok {
		return nil, ErrNotAsked
	}
	folder, err := os.MkdirTemp("", "bezoar-schema-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	var requests [2][]byte
	for i, flags := range [][]string{nil, {"--experimental"}} {
		if requests[i], err = c.schema(ctx, folder, slices.Concat(words[1:], []string{"generate-json-schema", "--out", folder}, flags)); err != nil {
			return nil, err
		}
	}
	return surface.Read(requests[0], requests[1])
}

// schema runs the program once and reads what it wrote about its requests.
func (c Command) schema(ctx context.Context, folder string, arguments []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	file := filepath.Join(folder, "ClientRequest.json")
	_ = os.Remove(file)
	child, err := c.start(arguments, Options{Home: folder, Stderr: io.Discard})
	if err != nil {
		return nil, err
	}
	child.CloseInput()
	go io.Copy(io.Discard, child)
	select {
	case <-child.Ended():
	case <-ctx.Done():
	}
	if status := child.End(ctx); status.Code != 0 {
		return nil, fmt.Errorf("the backend wrote no schema: %s", status)
	}
	text, _, err := disk.Here.Read(file, schemaByteMax)
	return text, err
}
