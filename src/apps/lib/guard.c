#include "apps/lib/guard.h"

#include <signal.h>
#include <unistd.h>

static void on_bus_error(int sig) {
    (void)sig;
    static const char text[] = "ds4: a mapped file became shorter while it was in use (or its disk failed): "
                               "check the file and start again\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(1);
    _exit(1);
}

void map_guard_install(void) {
    struct sigaction sa = {0};
    sa.sa_handler = on_bus_error;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGBUS, &sa, NULL);
}
