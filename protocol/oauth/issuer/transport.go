package issuer

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"syscall"
)

// Transport is an [http.RoundTripper] to an issuer without a network, for [oauth.Options]:
// every address leads to it. It starts no goroutine and, in a synctest bubble, takes no time
// but what a script says. It may be used concurrently.
type Transport struct {
	issuer  *Issuer
	refuses atomic.Bool
}

// Transport returns a transport to the issuer.
func (i *Issuer) Transport() *Transport { return &Transport{issuer: i} }

// Refuse makes all further connections fail, or ends that. A request that is refused does
// not reach the issuer.
func (t *Transport) Refuse(refuses bool) { t.refuses.Store(refuses) }

// RoundTrip lets the issuer answer. If the request's context ends meanwhile, the answer is
// lost, as it would be in a network: the issuer may have done its work.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		defer request.Body.Close()
	}
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	if t.refuses.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	written := &answerWriter{header: http.Header{}}
	broken := written.serve(t.issuer, arrived(request))
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	if broken && !written.flushed {
		return nil, io.ErrUnexpectedEOF
	}
	return written.response(request, broken), nil
}

// arrived is the request as a server gets it.
func arrived(request *http.Request) *http.Request {
	server := request.Clone(request.Context())
	server.RequestURI = request.URL.RequestURI()
	if server.Host == "" {
		server.Host = request.URL.Host
	}
	if server.Body == nil {
		server.Body = http.NoBody // a client may leave it nil, a handler must not get nil
	}
	if request.URL.Scheme == "https" {
		server.TLS = &tls.ConnectionState{HandshakeComplete: true}
	}
	return server
}

// answerWriter records what a handler writes.
type answerWriter struct {
	header  http.Header
	status  int
	body    bytes.Buffer
	flushed bool
}

func (w *answerWriter) Header() http.Header { return w.header }

func (w *answerWriter) Flush() { w.flushed = true }

func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *answerWriter) Write(content []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(content)
}

// serve lets a handler write, and reports whether it broke the connection.
func (w *answerWriter) serve(handler http.Handler, r *http.Request) (broken bool) {
	defer func() {
		reason := recover()
		broken = reason == http.ErrAbortHandler
		if reason != nil && !broken {
			panic(reason)
		}
	}()
	handler.ServeHTTP(w, r)
	return false
}

func (w *answerWriter) response(request *http.Request, broken bool) *http.Response {
	var body io.Reader = &w.body
	if broken {
		body = io.MultiReader(body, brokenReader{})
	}
	return &http.Response{
		Status:     strconv.Itoa(w.status) + " " + http.StatusText(w.status),
		StatusCode: w.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        w.header,
		Body:          io.NopCloser(body),
		ContentLength: -1, // unknown, as of a body in chunks
		Request:       request,
	}
}

// brokenReader ends a body whose connection broke.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
