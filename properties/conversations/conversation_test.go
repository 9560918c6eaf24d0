package conversations

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/programtest"
)

// vocabulary is the words of a conversation. Its scripts speak to the real
// program over a real pipe; the issuer is the one in protocol/oauth/issuer, on
// loopback.
//
// A NAME is a person. A TOKEN is written out, or exp+4m for a JSON Web Token
// that expires in four minutes. In JSON that is expected, "..." is anything but
// null, "abc..." begins with abc, and a member "..." allows further members.
var vocabulary = map[string]func(*conversation, []string) error{
	// Another program, or what is there before the first server starts.
	//	login NAME ACCESS REFRESH [AGE]   the last refresh AGE ago: 9d, 2h
	//	login NAME issued [AGE]           with tokens that the issuer knows
	//	key KEY · logout · put FILE as PATH · link PATH to PATH
	//	holds-the-ports PORT...           of browser logins, and does not let go
	//	opens PATH · still-reads JSON
	"home":      (*conversation).elsewhere,
	"elsewhere": (*conversation).elsewhere,

	// The issuer. It goes on like that, but for once. Slowly is that its
	// answer waits until lets-go, hesitantly that its work does too.
	//	[once] [slowly] [hesitantly] rotates · grants ACCESS REFRESH [IDTOKEN] ·
	//	refuses CODE · says STATUS [BODY] · wants-patience SECONDS
	//	lets-go · counts grants N replays N revoked N
	// That is of refreshes. Others begin with: at exchange · key · user-code · poll ·
	// revocation
	"issuer": (*conversation).issuerDoes,
	"posts":  (*conversation).posts,  // TOKEN... · N · at-most N: all refresh posts so far
	"posted": (*conversation).posted, // N: waits until so many posts have arrived

	"asked": (*conversation).asked, // CALL N · CALL TOKEN...: all requests of that kind, waited for

	// The backend, which is there from the first of these on: admits TOKEN · says
	// STATUS [BODY] · asked TOKEN...: all that was brought so far
	"backend": (*conversation).backend,

	// A person at the login that was answered last, in a browser or at another device.
	//	browser consents [NAME]            at the issuer
	//	browser returns [MEMBER=VALUE...]  to where the issuer sends it, changed like that
	//	browser opens PATH                 at the login's own port
	//	browser sees STATUS [TEXT]         what came of the oldest of these; 302 leads on
	//	browser follows                    to where that led
	//	device allowed [NAME] · device denied
	"browser": (*conversation).browser,
	"device":  (*conversation).device,

	// The program.
	"spawn": (*conversation).spawn, // [NAME] [VARIABLE=VALUE...]: starts a server and goes to it
	"start": (*conversation).start, // the same, and says hello
	// as a client that takes experimental messages
	"start-experimental": (*conversation).startExperimental,

	"at":        (*conversation).goTo,     // NAME: the server that is spoken to from now on
	"end-input": (*conversation).endInput, // as a client that has no more to say
	"signal":    (*conversation).signal,   // TERM, INT; on Windows no process sends them to another
	"crash":     (*conversation).crash,    // kill -9
	"exit":      (*conversation).exit,     // CODE: waits for the end
	"end":       (*conversation).end,      // end-input and exit 0
	"stderr-has": func(c *conversation, args []string) error { // TEXT
		return c.at.wrote(args)
	},

	// The client. Questions may wait for their answer while others are asked.
	//	ask [LABEL:] status [token] [refresh] · account [refresh] · limits · health ·
	//	login KEY · browser-login · device-login · external TOKEN ACCOUNT ·
	//	cancel [previous] · logout
	//	answer [LABEL:] METHOD TOKEN · JSON · error TEXT · failure TEXT
	//	unanswered LABEL:
	//	storm N QUESTION: in one write; answers N ANSWER
	//	listens no · listens again
	//	send LINE · bytes "quoted" · hears JSON: the very next line · hears nothing
	"ask":        (*conversation).ask,
	"answer":     (*conversation).answer,
	"unanswered": (*conversation).unanswered,
	"storm":      (*conversation).storm,
	"answers":    (*conversation).stormAnswers,
	"listens":    (*conversation).listens,
	"send":       (*conversation).send,
	"bytes":      (*conversation).sendBytes,
	"hears":      (*conversation).hears,

	"secret": (*conversation).secret, // TEXT...: must not come out, wherever it is

	// What is on the disk: PATH JSON · PATH gone · PATH mode 0600 · PATH has TEXT.
	// It is waited for.
	"file": (*conversation).file,
}

// TestSeed tells the nine stories that the project began with.
func TestSeed(t *testing.T) {
	converse(t, testscript.Params{Files: stories("seed",
		"without_a_login_there_is_no_method_and_no_token",
		"a_key_is_handed_out_to_who_asks_for_it",
		"a_provider_without_login_hides_the_key",
		"who_does_not_ask_for_the_token_sees_the_method_alone",
		"a_key_is_never_refreshed",
		"a_refused_refresh_is_not_tried_again_and_withholds_the_token",
		"an_old_login_is_refreshed_unasked_and_once_if_refused",
		"after_a_login_elsewhere_the_next_poll_has_its_token",
		"a_key_is_refused_where_a_chatgpt_login_is_forced",
	)})
}

func TestConversations(t *testing.T) {
	converse(t, testscript.Params{Dir: "testdata"})
}

// TestNoConversationIsBrokenOff: "stop" and "skip" are testscript's own commands,
// and a script that uses one passes without what comes behind it.
func TestNoConversationIsBrokenOff(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join("testdata", "*", "*.txtar"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	require.NoError(t, err)
	for _, script := range append(scripts, more...) {
		text, err := os.ReadFile(script)
		require.NoError(t, err)
		require.NotRegexp(t, `(?m)^(\[[^]]*\] *)?(stop|skip|kill)\b`, string(text), script)
	}
}

func stories(folder string, names ...string) (files []string) {
	for _, name := range names {
		files = append(files, filepath.Join("testdata", folder, name+".txtar"))
	}
	return files
}

// converse runs scripts. After each of them nothing may have broken, and its
// secrets may not be in anything that came out and is not meant to hold one.
func converse(t *testing.T, params testscript.Params) {
	program, err := programtest.Path()
	require.NoError(t, err)
	params.Deadline = time.Now().Add(5 * time.Minute) // a script that hangs keeps the ports of browser logins
	params.Setup = func(env *testscript.Env) error {
		c, err := newConversation(program, env.WorkDir)
		if err != nil {
			return err
		}
		c.t = env.T().(testing.TB)
		env.Values[conversationKey{}] = c
		for name, token := range minted {
			env.Setenv(name, token)
			c.remember(token)
		}
		env.Defer(func() {
			c.close()
			if err := errors.Join(c.breaks(), c.leaks()); err != nil {
				env.T().Fatal(err)
			}
		})
		return nil
	}
	params.Cmds = map[string]func(*testscript.TestScript, bool, []string){}
	for name, do := range vocabulary {
		params.Cmds[name] = func(script *testscript.TestScript, negated bool, args []string) {
			c := script.Value(conversationKey{}).(*conversation)
			err := do(c, args)
			switch {
			case negated:
				script.Fatalf("%s cannot be negated", name)
			case err != nil:
				script.Fatalf("%v\n%s", err, c.transcript())
			}
		}
	}
	testscript.Run(t, params)
}

func TestMain(m *testing.M) { programtest.Main(m) }
