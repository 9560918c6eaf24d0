package surface

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTableRefusesWhatAnyCodexRefuses sends the recorded requests to the codex that
// BEZOAR_TEST_CODEX names, of any version, and compares its answers with its own schema.
func TestTableRefusesWhatAnyCodexRefuses(t *testing.T) {
	codex := os.Getenv("BEZOAR_TEST_CODEX")
	if codex == "" {
		t.Skip("BEZOAR_TEST_CODEX names no codex")
	}
	table, err := Read(schemaOf(t, codex), schemaOf(t, codex, "--experimental"))
	require.NoError(t, err)
	child := startCodex(t, codex)
	child.answer("initialize", json.RawMessage(`{"clientInfo":{"name":"test","version":"1"}}`))
	for _, each := range recorded(t) {
		said := child.answer(each.Method, each.Params)
		if !strings.HasSuffix(said, " requires experimentalApi capability") {
			said = ""
		}
		assert.Equal(t, said, table.Refusal(each.Method, each.Params), "%s %s", each.Method, each.Params)
	}
}

// conversation is one with a real codex.
type conversation struct {
	t     *testing.T
	in    io.Writer
	lines *bufio.Reader
	last  int // id
}

func startCodex(t *testing.T, codex string) *conversation {
	home := t.TempDir()
	command := exec.Command(codex, "app-server")
	command.Dir, command.Env = home, []string{"HOME=" + home, "CODEX_HOME=" + home, "PATH=" + os.Getenv("PATH"), "HTTPS_PROXY=http://127.0.0.1:9"}
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = command.Wait()
	})
	return &conversation{t: t, in: in, lines: bufio.NewReader(out)}
}

// answer is the message of the error that a request is answered with, "" for a result.
func (c *conversation) answer(method string, params json.RawMessage) string {
	c.last++
	line, err := json.Marshal(struct {
		ID     int             `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params,omitempty"`
	}{c.last, method, params})
	require.NoError(c.t, err)
	_, err = c.in.Write(append(line, '\n'))
	require.NoError(c.t, err)
	for {
		line, err := c.lines.ReadBytes('\n')
		require.NoError(c.t, err)
		var m struct {
			ID     int
			Method string
			Error  struct{ Message string }
		}
		if json.Unmarshal(line, &m) == nil && m.Method == "" && m.ID == c.last {
			return m.Error.Message
		}
	}
}

// schemaOf asks a codex for its requests.
func schemaOf(t *testing.T, codex string, flags ...string) []byte {
	folder := t.TempDir()
	command := exec.Command(codex, append([]string{"app-server", "generate-json-schema", "--out", folder}, flags...)...)
	command.Env = []string{"HOME=" + folder, "CODEX_HOME=" + folder}
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	text, err := os.ReadFile(filepath.Join(folder, "ClientRequest.json"))
	require.NoError(t, err)
	return text
}

// It writes the table with BEZOAR_TEST_UPDATE=1; look at what differs.
func TestBuiltInTableIsThatOfCodex(t *testing.T) {
	codex := os.Getenv("BEZOAR_TEST_CODEX")
	if version, err := exec.Command(codex, "--version").Output(); err != nil || !bytes.Contains(version, []byte("0.171.0")) {
		t.Skip("BEZOAR_TEST_CODEX names no codex 0.171.0")
	}
	table, err := Read(schemaOf(t, codex), schemaOf(t, codex, "--experimental"))
	require.NoError(t, err)
	if os.Getenv("BEZOAR_TEST_UPDATE") != "" {
		require.NoError(t, os.WriteFile("codex-0.171.0.json", inLines(t, table), 0o644))
		return
	}
	require.Equal(t, BuiltIn(), table)
}

// inLines is a table with a line for each method.
func inLines(t *testing.T, table *Table) []byte {
	text, err := json.Marshal(table)
	require.NoError(t, err)
	for _, method := range slices.Concat(slices.Collect(maps.Keys(table.Methods)), slices.Collect(maps.Keys(table.Params))) {
		text = bytes.Replace(text, []byte(`"`+method+`":`), []byte("\n"+`"`+method+`":`), 1)
	}
	return append(text, '\n')
}
