/* A token of decode takes no memory from the system and asks it for nothing but to wake threads.
 *
 * A child decodes between two marks (getppid, which nothing else here calls) while its parent counts, by ptrace, the
 * system calls of all its threads; malloc and its like count themselves. Memory for a new page of the session is taken once
 * in PAGE_TOKENS tokens, outside the marks.
 */
#include "base/test.h"

#ifdef __linux__

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/session.h"
#include "model/random.h"

enum { TOKENS = 40 };

#if defined(__GLIBC__) && TEST_SLOWNESS == 1
#define COUNTS_MEMORY 1
static _Atomic long n_allocations;
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void *malloc(size_t n) {
    n_allocations++;
    return __libc_malloc(n);
}
void *calloc(size_t n, size_t size) {
    n_allocations++;
    return __libc_calloc(n, size);
}
void *realloc(void *p, size_t n) {
    n_allocations++;
    return __libc_realloc(p, n);
}
int posix_memalign(void **p, size_t align, size_t n) {
    n_allocations++;
    return (*p = __libc_memalign(align, n)) ? 0 : ENOMEM;
}
#else
#define COUNTS_MEMORY 0
static _Atomic long n_allocations;
#endif

/* Exit codes of the child. */
enum { QUIET, NOT_READY, STEP_FAILED, ALLOCATED };

static int decode_between_marks(uint32_t threads) {
    char path[] = "/tmp/ds4-quiet-XXXXXX";
    const int fd = mkstemp(path);
    if (fd < 0) return NOT_READY;
    close(fd);
    const shape s = random_small_shape();
    const random_spec spec = {.shape = s, .recipe = RANDOM_Q2, .seed = 7};
    const engine_options o = {.threads = threads, .batch = 64, .context = 2048};
    err e = {0};
    model *m = NULL;
    engine *en = NULL;
    session *one = NULL;
    const bool ready = random_model_write(path, &spec, &e) == OK && model_open(&m, path, NULL, &e) == OK &&
                       engine_open(&en, m, &o, &e) == OK && session_new(&one, en, &e) == OK;
    unlink(path);
    if (!ready) {
        fprintf(stderr, "%s\n", e.text);
        return NOT_READY;
    }
    const uint32_t warm = PAGE_TOKENS + 3;
    long before = 0;
    for (uint32_t i = 0; i < warm + TOKENS; i++) {
        if (i == warm) {
            before = n_allocations;
            syscall(SYS_getppid);
        }
        const row r = {one, (int32_t)(i * 37 % s.n_vocab), true};
        if (engine_step(en, &r, 1, &e) != OK) return STEP_FAILED;
    }
    syscall(SYS_getppid);
    return n_allocations == before ? QUIET : ALLOCATED;
}

static long long number_of_call(pid_t thread) {
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return -1;
    return info.op == PTRACE_SYSCALL_INFO_ENTRY ? (long long)info.entry.nr : -1;
}

/* Runs the child to its end. *calls: what was called between the marks and is no waking of threads. */
static int watch(pid_t child, long *calls, long *marks) {
    int how = 0;
    pid_t who;
    *calls = *marks = 0;
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
    ptrace(PTRACE_SYSCALL, child, 0, 0);
    while ((who = waitpid(-1, &how, __WALL)) > 0) {
        long pass = 0;
        if (who == child && (WIFEXITED(how) || WIFSIGNALED(how))) return how;
        if (!WIFSTOPPED(how)) continue;
        if (WSTOPSIG(how) == (SIGTRAP | 0x80)) {
            const long long nr = number_of_call(who);
            if (nr == SYS_getppid) {
                ++*marks;
            } else if (nr >= 0 && *marks == 1 && nr != SYS_futex && nr != SYS_sched_yield) {
                ++*calls;
                fprintf(stderr, "system call %lld while decoding\n", nr);
            }
        } else if (WSTOPSIG(how) != SIGTRAP && WSTOPSIG(how) != SIGSTOP) {
            pass = WSTOPSIG(how);
        }
        ptrace(PTRACE_SYSCALL, who, 0, pass);
    }
    return -1;
}

static void check_quiet(uint32_t threads) {
    fflush(NULL);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(NOT_READY);
        raise(SIGSTOP);
        _exit(decode_between_marks(threads));
    }
    int how = 0;
    long calls, marks;
    REQUIRE(waitpid(child, &how, 0) == child);
    if (!WIFSTOPPED(how)) SKIP("this system does not let a process be traced");
    how = watch(child, &calls, &marks);
    CHECK_SAY(WIFEXITED(how) && WEXITSTATUS(how) == QUIET, "exit %x", (unsigned)how);
    CHECK(marks == 2);
    CHECK_SAY(calls == 0, "%ld system calls", calls);
}

TEST(a_token_of_decode_allocates_nothing_and_calls_the_system_only_to_wake_threads) {
    if (!COUNTS_MEMORY) SKIP("memory is counted in the plain build with glibc only");
    check_quiet(1);
    check_quiet(2);
}

#else
TEST(a_token_of_decode_allocates_nothing_and_calls_the_system_only_to_wake_threads) {
    SKIP("counted on Linux only");
}
#endif

TESTS_MAIN
