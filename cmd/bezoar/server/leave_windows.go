package server

import "time"

// killedAfter is the time from the close of a console, or the end of a session, until the
// system kills the programs there (SPI_GETHUNGAPPTIMEOUT in Microsoft's "HandlerRoutine
// callback function"). Ctrl-C leaves all the time that there is, and is not told apart.
const killedAfter = 5 * time.Second
