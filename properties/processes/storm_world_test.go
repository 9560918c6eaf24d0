package processes

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/states"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/journal"
	"github.com/bezoar-auth/bezoar/store/system"
)

// storm is many processes on one home, each with a client that wants a new
// token all the time, and all that is known of them afterwards.
type storm struct {
	*scene
	archive     *archive
	programs    []string // any of which a process may be of
	isUnlocked  bool     // no file can be locked
	strangers   []int    // after so many refreshes a user of another account logs in
	processes   int      // at a time
	rotations   int      // that end it
	kills       int      // from outside
	stops       int64    // of processes that go on
	enumerated  int      // failpoints, at each of which a process dies
	deaths      atomic.Int64
	standstills atomic.Int64
	asked       atomic.Int64
	barren      atomic.Int64 // processes in a row that came and went while nothing was granted
	first       sync.Once    // the first thing that is wrong counts
	wrong       atomic.Pointer[error]
	living      sync.Map // *life, of the processes that run

	mu       sync.Mutex // guards what follows
	killed   map[int]death
	places   []string        // where no process has died yet
	entries  []persist.Entry // of the ledger, also those that a compaction has dropped
	seen     map[string]bool
	lastWord endpoint.TokenResponse // the login that was made last
	made     []storedLogin          // all of them, in their order
	logins   int
	ended    []secret.Fingerprint // keys of logins that were found dead
	givenUp  int                  // logins that two processes died over
	withheld int                  // answers without a token
}

// fail notes what is wrong, with what there is to see at this moment.
func (s *storm) fail(err error) {
	s.first.Do(func() {
		err = fmt.Errorf("%w\n%s", err, s.scenery())
		s.wrong.Store(&err)
	})
}

func (s *storm) failed() error {
	if wrong := s.wrong.Load(); wrong != nil {
		return *wrong
	}
	return nil
}

// storedLogin is a login by its first refresh token, and when it was about to be stored.
type storedLogin struct {
	family secret.Fingerprint
	at     time.Time
}

// death is what is known of one: when, and the place if it was by its own hand.
type death struct {
	place string
	at    time.Time
}

func (d death) String() string {
	if d.place != "" {
		return "died before " + d.place
	}
	return "was killed"
}

// barrenLives are so many processes for each client, that came and went while nothing was
// granted, that a storm has come to a standstill. The slower the machine, the longer they
// take. An intent whose maker died before it wrote who it is stands for seconds on each
// machine: so Patience must have passed as well.
const barrenLives = 4

func (s *storm) isOver() bool {
	if s.barren.Load() > int64(barrenLives*s.processes) && time.Since(s.archive.lastGrant()) > programtest.Patience {
		s.fail(errors.New("nothing is refreshed any more, and no reason is given"))
	}
	return s.failed() != nil || s.issuer.Counts().Grants >= s.rotations && s.deaths.Load() >= s.toDie() && s.standstills.Load() >= s.stops
}

// life is one process, and how it is to end.
type life struct {
	*programtest.Server
	born      time.Time
	asks      int           // before it ends
	isKilled  bool          // by its own hand or from outside
	killAfter time.Duration // of its last ask; 0 for by its own hand
	killedAt  atomic.Pointer[time.Time]
	stopAfter time.Duration // of its last ask, then it goes on; 0 for never
	place     string        // where it is to die, "" for nowhere
	isHurt    bool          // it has been, or is about to be
}

// client lets one process after the other live until the storm is over.
func (s *storm) client(seed uint64) {
	random := rand.New(rand.NewPCG(seed, uint64(time.Now().UnixNano())))
	for !s.isOver() {
		l, err := s.begin(random)
		if err != nil {
			s.fail(fmt.Errorf("start a process: %w", err))
			return
		}
		if err := s.live(l); err != nil {
			s.fail(fmt.Errorf("%w\n%s", err, l.Stderr.String()))
		}
		s.bury(l)
	}
}

// stormDeadline is of one post. So much and five seconds later an intent counts
// as given up whose maker died before it could write who it is.
const stormDeadline = 2 * time.Second

func (s *storm) begin(random *rand.Rand) (*life, error) {
	l := &life{born: time.Now(), asks: 1 + random.IntN(20)}
	program, environment := s.programs[random.IntN(len(s.programs))], s.environment()
	m := mortal{Deadline: stormDeadline}
	switch {
	case random.IntN(2) == 0:
		m.DiesBefore = s.takePlace()
		if l.isKilled = m.DiesBefore != ""; l.isKilled {
			l.asks = 400
		}
		l.place = m.DiesBefore
		program, environment = os.Args[0], s.environmentOf(m)
	case random.IntN(2) == 0 && s.deaths.Load() < s.toDie():
		l.isKilled, l.killAfter = true, time.Duration(1+random.IntN(int(12*time.Millisecond)))
	}
	if !l.isKilled && random.IntN(2) == 0 && s.standstills.Load() < s.stops {
		l.stopAfter = time.Duration(1 + random.IntN(int(4*answerTakes)))
	}
	var err error
	if l.Server, err = programtest.Start("process", program, environment); err == nil {
		s.living.Store(l, nil)
	}
	return l, err
}

// anyPlaces are those that every refresh comes to which posts, in any order.
func anyPlaces() (names []string) {
	for _, each := range states.RefreshFailpoints(system.KindHere()) {
		if each.When == "" && !slices.Contains(onlyAtFirst, each.Call) {
			names = append(names, place(each.Step, each.Call))
		}
	}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

// takePlace is where a process is to die, "" if there is none left.
func (s *storm) takePlace() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.places) == 0 {
		return ""
	}
	place := s.places[0]
	s.places = s.places[1:]
	return place
}

// toDie is how many processes are killed in all.
func (s *storm) toDie() int64 { return int64(s.kills + s.enumerated) }

// onlyAtFirst are calls that are made once in the life of a home.
var onlyAtFirst = []string{"intent: make folder", "intent: sync parent folder", "append: sync folder"}

func (s *storm) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.home, "BEZOAR_HOME=" + s.home, "BEZOAR_REFRESH_FLOOR=0",
		"BEZOAR_REFRESH_DEADLINE=" + stormDeadline.String(), "BEZOAR_REFRESH_TOKEN_URL_OVERRIDE=" + s.url + "/oauth/token", "BEZOAR_LOGIN_ISSUER=" + s.url,
	}
}

// live asks until the process ends, is to end, or the storm is over.
func (s *storm) live(l *life) error {
	const hello = `{"id":"hello","method":"initialize","params":{"clientInfo":{"name":"editor","version":"1"}}}` + "\n"
	if err := l.Write(hello); err != nil {
		return s.unless(l, err)
	}
	if _, err := l.Next(); err != nil {
		return s.unless(l, err)
	}
	for n := 1; n <= l.asks && !s.isOver(); n++ {
		if n == l.asks && l.killAfter > 0 {
			l.isHurt = true
			defer time.AfterFunc(l.killAfter, l.strike).Stop()
		}
		if n == l.asks && l.stopAfter > 0 {
			stands := time.AfterFunc(l.stopAfter, func() { s.stop(l) })
			defer stands.Stop()
		}
		if err := s.ask(l, n); err != nil {
			return s.unless(l, err)
		}
	}
	return nil
}

// strike kills a process from outside.
func (l *life) strike() {
	now := time.Now()
	l.killedAt.Store(&now)
	l.Process.Process.Kill()
}

// stop lets a process stand still for longer than the deadline of its post, and
// go on then.
func (s *storm) stop(l *life) {
	if stop(l.Process.Process) != nil {
		return // it has ended
	}
	s.standstills.Add(1)
	<-time.After(stormDeadline + stormDeadline/4)
	if err := letGoOn(l.Process.Process); err != nil {
		s.fail(fmt.Errorf("let a process go on: %w", err))
	}
}

// unless says what is wrong, if it is not that the process was killed.
func (s *storm) unless(l *life, err error) error {
	switch {
	case !l.isKilled:
		return err
	case l.killAfter > 0:
		l.isHurt = true
		return nil
	}
	select {
	case <-l.Gone:
		l.isHurt = true
		return nil
	case <-time.After(programtest.Patience):
		return err
	}
}

// ask demands a refresh, and looks at what is answered.
func (s *storm) ask(l *life, id int) error {
	err := l.Write(fmt.Sprintf(`{"id":%d,"method":"getAuthStatus","params":{"includeToken":true,"refreshToken":true}}`+"\n", id))
	if err != nil {
		return err
	}
	line, err := l.AnswerTo(id)
	if err != nil {
		return err
	}
	var answer struct {
		Result *struct{ AuthMethod, AuthToken *string }
	}
	if err := json.Unmarshal([]byte(line), &answer); err != nil || answer.Result == nil || answer.Result.AuthMethod == nil {
		s.fail(fmt.Errorf("there is no login: %s", line))
		return nil
	}
	if answer.Result.AuthToken == nil {
		s.mourn()
	}
	if s.asked.Add(1)%16 == 0 {
		s.look()
	}
	return nil
}

// endPatience is far longer than a process may hear the answer to its last post.
const endPatience = 3 * programtest.Patience

// bury ends a process, and writes down that it was killed.
func (s *storm) bury(l *life) {
	if l.isKilled && l.isHurt {
		s.deaths.Add(1)
		l.Kill()
		place, died := lastWordsIn(l.Stderr.String())
		s.mu.Lock()
		how := death{place: place}
		if at := l.killedAt.Load(); at != nil {
			how.at = *at
		} else if died {
			how.at = diedAt(l.Stderr.String())
		}
		s.killed[l.Process.Process.Pid] = how
		s.mu.Unlock()
	} else {
		if l.place != "" {
			s.mu.Lock()
			s.places = append(s.places, l.place) // it never came there: another one shall
			s.mu.Unlock()
		}
		l.Input.Close()
		select {
		case <-l.Gone:
		case <-time.After(endPatience):
			s.fail(fmt.Errorf("a process, %d, does not end at the end of its input", l.Process.Process.Pid))
			l.Kill()
		}
	}
	s.living.Delete(l)
	if s.barren.Add(1); s.archive.lastGrant().After(l.born) {
		s.barren.Store(0)
	}
	if text := l.Stderr.String(); strings.Contains(text, "bug:") || strings.Contains(text, "panic:") {
		s.fail(errors.New(text))
	}
}

// mourn is what a user does whose login has ended: look whether it is said why,
// and log in again. Of many clients that see the end one does.
func (s *storm) mourn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.withheld++
	lineage, err := s.ledger().History(background) // and then the store, or a sister might come in between
	record, unread := file.Open(s.home, file.Options{}).Load(background)
	key := s.names.TokenID(record.Credential.RefreshToken)
	doubt, notTold := s.ledger().Doubt(background, key)
	switch verdict := lineage.VerdictOn(key); {
	case err != nil || unread != nil || notTold != nil:
		s.fail(fmt.Errorf("look why a login has ended: %w", errors.Join(err, unread, notTold)))
	case verdict != nil:
		s.ended = append(s.ended, key)
		s.logIn(s.account)
	case doubt.Times+lineage.Losses(key) > 1 && (doubt.Times == 0 || doubt.HolderGone):
		s.givenUp++
		s.logIn(s.account)
	} // else there is another one by now
}

// logIn is another program's login. The lock is held.
func (s *storm) logIn(account issuer.Account) {
	s.logins++
	s.account, s.lastWord = account, s.issuer.Login(account, time.Now())
	s.archive.logIn(s.lastWord, account.ID)
	s.made = append(s.made, storedLogin{s.lastWord.RefreshToken.Fingerprint(), time.Now()})
	if err := replaceLogin(s.home, authJSON(account.ID, s.lastWord)); err != nil {
		s.fail(err)
	}
}

// look reads what the ledger and the store say at this moment.
func (s *storm) look() {
	s.read()
	record, err := file.Open(s.home, file.Options{}).Load(background)
	if err != nil {
		s.fail(fmt.Errorf("read the login: %w", err))
	} else if !s.archive.isWhole(record.Credential) {
		s.fail(errors.New("the stored login is mixed of several"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.strangers) > 0 && s.issuer.Counts().Grants >= s.strangers[0] {
		s.strangers = s.strangers[1:]
		s.logIn(issuer.Account{ID: fmt.Sprintf("account-%d", s.logins), Email: "ada@example.com", PlanType: "plus", UserID: "user"})
	}
}

// read takes the entries of the ledger that are new.
func (s *storm) read() {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := journal.Newest(s.ledger().Entries(), 1<<20)
	if err != nil {
		s.fail(err)
		return
	}
	isContinued := len(s.entries) == 0
	for _, each := range found {
		line, _ := json.Marshal(each) // as it was read
		if s.seen[string(line)] {
			isContinued = true
			continue
		}
		s.seen[string(line)] = true
		s.entries = append(s.entries, each)
	}
	if !isContinued {
		s.fail(errors.New("the ledger was compacted between two looks: look more often"))
	}
}

// comeToRest lets one more process find what is left, until it is clear.
func (s *storm) comeToRest(t *testing.T) {
	l := &life{}
	var err error
	l.Server, err = programtest.Start("last", s.programs[0], s.environment())
	require.NoError(t, err)
	defer l.Kill()
	require.NoError(t, l.Write(`{"id":"hello","method":"initialize","params":{"clientInfo":{"name":"editor","version":"1"}}}`+"\n"))
	id := 0
	require.NoError(t, programtest.Eventually(func() error {
		before := s.issuer.Counts().Grants
		id++
		if err := s.ask(l, id); err != nil {
			return err
		}
		if s.issuer.Counts().Grants == before {
			return errors.New("the login that lives is not refreshed")
		}
		return s.failed()
	}), l.Stderr.String())
	require.True(t, s.issuer.IsAlive(s.stored(t).RefreshToken), "the login lives at the end")
}
