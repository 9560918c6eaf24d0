// Command zitadel is the example of zitadel/oidc at a free port of loopback, which it
// prints. It ends with its standard input.
package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	issuer := "http://" + listener.Addr().String() + "/" // with a slash at the end
	storage.RegisterClients(storage.NativeClient("native", "http://127.0.0.1/callback"), storage.WebClient("web", "web-secret", "http://127.0.0.1/callback"))
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	handler := exampleop.SetupServer(issuer, storage.NewStorage(storage.NewUserStore(issuer)), log, false)
	go http.Serve(listener, handler)
	fmt.Println(issuer)
	io.Copy(io.Discard, os.Stdin)
}
