#include "apps/lib/stop.h"

#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t asked, most;

static void on_signal(int sig) {
    if (most && asked >= most && sig == SIGINT) _exit(130);
    asked = asked + 1;
}

void stop_install(int patience) {
    struct sigaction ask = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ask.sa_mask);
    sigemptyset(&ignore.sa_mask);
    most = patience;
    sigaction(SIGINT, &ask, NULL);
    sigaction(SIGTERM, &ask, NULL);
    sigaction(SIGHUP, &ask, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
}

const volatile sig_atomic_t *stop_flag(void) { return &asked; }

bool stop_asked(void *self) {
    (void)self;
    return asked != 0;
}
