package login

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
)

// stranger is another program on a port, with any behaviour.
func (w *world) stranger(address string, handler http.HandlerFunc) (leave func()) {
	listener, err := w.network.listen(address)
	require.NoError(w.testing, err)
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	return func() { server.Close() }
}

func redirectHost(t *testing.T, attempt *Attempt) string {
	prompt, err := attempt.Prompt()
	require.NoError(t, err)
	address, err := url.Parse(prompt.AuthURL)
	require.NoError(t, err)
	redirect, err := url.Parse(address.Query().Get("redirect_uri"))
	require.NoError(t, err)
	return redirect.Host
}

func TestOtherLoginIsAskedToLeaveItsPort(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		other := w.anotherManager()
		first := other.Browser()
		require.Equal(t, "127.0.0.1:1455", redirectHost(t, first))
		startedAt := time.Now()
		require.Equal(t, "127.0.0.1:1455", redirectHost(t, w.manager.Browser()))
		require.Less(t, time.Since(startedAt), time.Second)
		require.EqualError(t, first.Wait(), "Login server error: Login cancelled")
	})
}

func TestSavedLoginStandsWhenItsPortIsTaken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first, back := w.started()
		w.visit(back)
		second := w.anotherManager().Browser()
		require.Equal(t, "127.0.0.1:1455", redirectHost(t, second))
		require.NoError(t, first.Wait())
		second.interrupt(NotCompleted, nil)
		<-second.done
	})
}

func TestPortThatIsNotGivenUpIsLeftForTheOtherOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var asked atomic.Int32
		leave := w.stranger("127.0.0.1:1455", func(rw http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if r.Method != http.MethodGet || r.URL.Path != "/cancel" || r.Host != "127.0.0.1:1455" {
				t.Errorf("asked %s %s of %s", r.Method, r.URL, r.Host)
			}
			http.Redirect(rw, r, "http://127.0.0.1:1457/elsewhere", http.StatusFound)
		})
		defer leave()
		startedAt := time.Now()
		require.Equal(t, "127.0.0.1:1457", redirectHost(t, w.manager.Browser()))
		require.EqualValues(t, 1, asked.Load(), "once, and no redirect followed")
		require.Equal(t, 200*time.Millisecond, time.Since(startedAt), "it did not say that it leaves")
	})
}

func TestLoginThatSaysThatItLeavesHasTwoSeconds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leave := w.stranger("127.0.0.1:1455", func(http.ResponseWriter, *http.Request) {})
		defer leave()
		startedAt := time.Now()
		require.Equal(t, "127.0.0.1:1457", redirectHost(t, w.manager.Browser()))
		require.Equal(t, 9*200*time.Millisecond, time.Since(startedAt), "ten tries, 200 ms apart")
	})
}

func TestSilentProgramOnThePortCostsASecond(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		listener, err := w.network.listen("127.0.0.1:1455")
		require.NoError(t, err)
		defer listener.Close()
		startedAt := time.Now()
		require.Equal(t, "127.0.0.1:1457", redirectHost(t, w.manager.Browser()))
		require.Equal(t, askLimit+takeOverPause, time.Since(startedAt))
	})
}

func TestLoginWithoutAPortDoesNotStart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for _, address := range []string{"127.0.0.1:1455", "127.0.0.1:1457"} {
			defer w.stranger(address, http.NotFound)()
		}
		attempt, startedAt := w.manager.Browser(), time.Now()
		_, err := attempt.Prompt()
		require.Less(t, time.Since(startedAt), time.Second, "the user does not wait for a silent program")
		require.EqualError(t, err, "failed to start login server: Port 127.0.0.1:1457 is already in use")
		require.Equal(t, err, attempt.Wait())
		started, port := new(StartError), new(PortError)
		require.ErrorAs(t, err, &started)
		require.ErrorAs(t, err, &port)
		require.Equal(t, []string{"127.0.0.1:1455", "127.0.0.1:1457"}, port.Tried)
	})
}

func TestPortThatMayNotBeUsedIsNotTriedAgain(t *testing.T) {
	var tried []string
	forbid := func(address string) (net.Listener, error) {
		tried = append(tried, address)
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: syscall.EACCES}
	}
	inWorld(t, func(t *testing.T, w *world) {
		_, err := w.manager.Browser().Prompt()
		require.EqualError(t, err, "failed to start login server: listen tcp: permission denied")
		require.Equal(t, []string{"127.0.0.1:1455", "127.0.0.1:1457"}, tried)
	}, func(o *Options) { o.Listen = forbid })
}

func TestAddressInUseIsKnownOnWindowsToo(t *testing.T) {
	require.True(t, addressInUse(&net.OpError{Err: syscall.Errno(10048)}))
	require.False(t, addressInUse(errors.New("in use")))
}

func TestManagerListensOnLoopbackOnly(t *testing.T) {
	machinetest.SkipUnderWine(t, machinetest.LacksInterfaces)
	manager := New(Options{Issuer: newWorld(t).manager.options.Issuer, Ports: []int{0}})
	host := redirectHost(t, manager.Browser())
	ip, port, err := net.SplitHostPort(host)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", ip)
	require.NotEqual(t, "0", port)

	for _, other := range otherAddresses(t) {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(other, port), time.Second)
		if err == nil {
			conn.Close()
		}
		require.Error(t, err, "reachable at %s", other)
	}
	require.NoError(t, manager.End(t.Context()))
	_, err = net.Dial("tcp", host)
	require.Error(t, err, "nothing listens any more")
}

func TestRealPortIsTakenOverToo(t *testing.T) {
	issuer := newWorld(t).manager.options.Issuer
	first := New(Options{Issuer: issuer, Ports: []int{0}})
	held := first.Browser()
	host := redirectHost(t, held)
	_, digits, err := net.SplitHostPort(host)
	require.NoError(t, err)
	port, err := strconv.Atoi(digits)
	require.NoError(t, err)

	second := New(Options{Issuer: issuer, Ports: []int{port}})
	require.Equal(t, host, redirectHost(t, second.Browser()))
	require.ErrorIs(t, held.Wait(), Cancelled)
	require.NoError(t, second.End(t.Context()))
}

// otherAddresses are the addresses of this machine beside loopback.
func otherAddresses(t *testing.T) []string {
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	others := []string{"::1", "127.0.0.2"}
	for _, each := range addresses {
		if network, ok := each.(*net.IPNet); ok && !network.IP.IsLoopback() && network.IP.To4() != nil {
			others = append(others, network.IP.String())
		}
	}
	return others
}

func TestConnectionsAreBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		attempt, back := w.started()
		var idle []net.Conn
		for range connectionLimit {
			conn, err := w.network.dial(t.Context(), "127.0.0.1:1455")
			require.NoError(t, err)
			idle = append(idle, conn)
		}
		synctest.Wait()
		_, err := w.ask(http.MethodGet, back.String(), nil)
		require.Error(t, err, "one too many")
		time.Sleep(headerLimit + time.Second)
		for _, conn := range idle {
			_, err := conn.Read(make([]byte, 1))
			require.Error(t, err, "who says nothing is sent away")
		}
		require.Equal(t, http.StatusFound, w.visit(back).status)
		w.open(successAddress)
		require.NoError(t, attempt.Wait())
	})
}
