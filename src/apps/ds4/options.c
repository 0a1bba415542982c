#include "apps/ds4/options.h"

#include <stdio.h>
#include <sys/resource.h>

const char *const cli_thinking_modes[] = {"chat", "thinking", NULL};

bool cli_interrupted(const ds4_cli *o) { return o->interrupted && *o->interrupted; }

engine_options cli_engine(const ds4_cli *o) {
    return (engine_options){.backend = o->backend, .threads = (uint32_t)o->threads, .batch = (uint32_t)o->batch,
                            .context = (uint32_t)o->ctx, .exact = o->exact, .no_rounding = o->no_sim};
}

/* The most memory this process has held, the used parts of the mapped model included. */
static double peak_mib(void) {
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u) != 0) return 0;
#ifdef __APPLE__
    return (double)u.ru_maxrss / (1024 * 1024);
#else
    return (double)u.ru_maxrss / 1024;
#endif
}

static double rate(uint64_t n, double seconds) { return seconds > 0 ? (double)n / seconds : 0; }

void stats_print(const run_stats *s) {
    fprintf(stderr, "prefill: %llu tokens, %.1f tok/s; decode: %llu tokens, %.1f tok/s; load: %.2f s; peak: %.0f MiB\n",
            (unsigned long long)s->prefill_n, rate(s->prefill_n, s->prefill_s), (unsigned long long)s->decode_n,
            rate(s->decode_n, s->decode_s), s->load_s, peak_mib());
}
