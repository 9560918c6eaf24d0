package engine_test

import (
	"context"
	"fmt"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/engine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/memory"
)

// scripted is an authorization server that grants one refresh and then refuses.
type scripted struct{ grants int }

func (s *scripted) Refresh(ctx context.Context, _ machine.Issuer, _ secret.Token, _ endpoint.Cause) endpoint.Answer {
	if !endpoint.MayPost(ctx) { // its intent grew old: send nothing
		return endpoint.Unavailable{}
	}
	if s.grants++; s.grants > 1 {
		return endpoint.Refused{Reason: "invalid_grant"}
	}
	return endpoint.Issued{Response: endpoint.TokenResponse{
		AccessToken: secret.New("access-2"), RefreshToken: secret.New("refresh-2"), ExpiresAt: time.Now().Add(time.Hour),
	}}
}

func (*scripted) Revoke(context.Context, machine.Issuer, machine.Credential) error { return nil }

// A program logs in and demands a refresh three times. The second one is refused for
// good: from then on the login is poisoned, and posts nothing and hands out no token.
func Example() {
	ctx, server := context.Background(), &scripted{}
	issuer := machine.Issuer{TokenEndpoint: "https://auth.example/token", ClientID: "client"}
	e, err := engine.Start(engine.Options{
		Policy: machine.Policy{Issuer: issuer},
		Store:  memory.NewStore(), Ledger: memory.NewLedger(issuer).Process(1), AuthorizationServer: server,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	stop := e.Subscribe(func(from, to machine.Snapshot) { fmt.Println(from.Phase(), "to", to.Phase()) })
	err = e.Login(ctx, machine.Credential{
		Method: machine.MethodTokens, AccessToken: secret.New("access-1"), RefreshToken: secret.New("refresh-1"), LastRefresh: time.Now(),
	})
	fmt.Println("logged in:", err == nil)
	for range 3 {
		snapshot, err := e.Status(ctx, machine.Ask{Token: true, Refresh: true})
		fmt.Printf("%s, token %q, posts %d, error %v\n", snapshot.Phase(), snapshot.Token().Reveal(), server.grants, err)
	}
	stop()
	e.Close(ctx)
	// Output:
	// NoAuth to Fresh
	// logged in: true
	// Fresh to Stale
	// Stale to Fresh
	// Fresh, token "access-2", posts 1, error <nil>
	// Fresh to Stale
	// Stale to Poisoned
	// Poisoned, token "", posts 2, error <nil>
	// Poisoned, token "", posts 2, error <nil>
}
