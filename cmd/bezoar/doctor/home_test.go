package doctor

import (
	"os"
	"os/user"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUserWithoutANameIsNamedByNumber(t *testing.T) {
	require.Equal(t, userName(os.Geteuid()), knownAs(nil, user.UnknownUserIdError(os.Geteuid())))
	require.Equal(t, "ada", knownAs(&user.User{Username: "ada"}, nil))
}
