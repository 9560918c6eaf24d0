package login

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// chromium is the path of the browser. CI has one; elsewhere the test is skipped
// without it.
func chromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("there is no Chromium, and CI is to have one: apt-get install -y --no-install-recommends chromium")
	}
	t.Skip("there is no Chromium to show the pages in (Debian's package is chromium)")
	return ""
}

// screen is how a user looks at a page.
type screen struct {
	name          string
	width, height int
	dark          bool
}

var screens = []screen{
	{"wide-light", 1280, 800, false},
	{"wide-dark", 1280, 800, true},
	{"narrow-light", 360, 720, false},
	{"narrow-dark", 360, 720, true},
}

// The colours behind the card, as page.css has them.
var (
	lightGround = color.RGBA{0xf4, 0xf3, 0xef, 0xff}
	darkGround  = color.RGBA{0x15, 0x17, 0x1a, 0xff}
)

// TestPagesInARealBrowser sends a real Chromium to the issuer, which redirects it to
// the login's page. It opens two pages, and with BEZOAR_TEST_LONG=1 every page on
// every screen. To look at the pictures:
//
//	BEZOAR_TEST_LONG=1 go test -run RealBrowser -artifacts -outputdir /tmp/pages ./protocol/login
func TestPagesInARealBrowser(t *testing.T) {
	browser := chromium(t)
	long := machinetest.Long()
	short := []string{"success/wide-light", "long words/narrow-dark"}
	endings := map[string]struct {
		exchange issuer.Step
		full     bool // the disk is
		want     string
	}{
		"success":    {},
		"refused":    {exchange: issuer.Step{Status: 400, Body: `{"error":"invalid_grant","error_description":"The <b>code</b> has expired."}`}, want: "has expired"},
		"unsavable":  {full: true, want: "could not be saved"},
		"long words": {exchange: issuer.Step{Status: 400, Body: strings.Repeat("x", 600)}, want: "xxx"},
	}
	for name, ending := range endings {
		for _, screen := range screens {
			if !long && !slices.Contains(short, name+"/"+screen.name) {
				continue
			}
			t.Run(name+"/"+screen.name, func(t *testing.T) {
				t.Parallel()
				w := newRealWorld(t)
				w.issuer.Script(issuer.Exchange, ending.exchange)
				if ending.full {
					w.disk.err = errDiskFull
				}
				attempt := w.manager.Browser()
				prompt, err := attempt.Prompt()
				require.NoError(t, err)
				picture := photograph(t, browser, prompt.AuthURL, screen)

				if err = attempt.Wait(); ending.want == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, ending.want)
				}
				ground := lightGround
				if screen.dark {
					ground = darkGround
				}
				require.Equal(t, ground, color.RGBAModel.Convert(picture.At(3, 3)), "the page's own style is not in use")
				require.Greater(t, colours(picture), 20, "there is nothing on the page")
			})
		}
	}
}

// newRealWorld has real ports, which the system chooses.
func newRealWorld(t *testing.T) *world {
	w := newWorld(t)
	server := httptest.NewServer(w.issuer)
	t.Cleanup(server.Close)
	w.manager = New(Options{
		Issuer: oauth.New(oauth.Options{
			Profile: profile.CodexAt(server.URL),
		}),
		Save: w.disk.save, Ports: []int{0},
	})
	t.Cleanup(func() { require.NoError(t, w.manager.End(context.Background())) })
	return w
}

// photograph opens an address and takes a picture of the page that it leads to. The
// browser logs what a policy forbids, which is nothing on our pages.
func photograph(t *testing.T, browser, address string, screen screen) image.Image {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	path := filepath.Join(t.ArtifactDir(), filepath.Base(filepath.Dir(t.Name()))+"-"+screen.name+".png")
	scheme := "--blink-settings=preferredColorScheme=1"
	if screen.dark {
		scheme = "--blink-settings=preferredColorScheme=0"
	}
	command := exec.CommandContext(ctx, browser,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--no-proxy-server", scheme,
		"--enable-logging=stderr", "--user-data-dir="+t.TempDir(),
		fmt.Sprintf("--window-size=%d,%d", screen.width, screen.height), "--screenshot="+path, address)
	var said bytes.Buffer
	command.Stderr = &said
	require.NoError(t, command.Run(), said.String())
	require.NotContains(t, said.String(), "CONSOLE", "the browser complains")

	file, err := os.Open(path)
	require.NoError(t, err, said.String())
	defer file.Close()
	picture, err := png.Decode(file)
	require.NoError(t, err)
	require.Equal(t, screen.width, picture.Bounds().Dx())
	return picture
}

func colours(picture image.Image) int {
	found := map[color.Color]bool{}
	for x := range picture.Bounds().Dx() {
		for y := range picture.Bounds().Dy() {
			found[picture.At(x, y)] = true
		}
	}
	return len(found)
}
