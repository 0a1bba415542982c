/* ds4: talk to the model, and look into it. This file reads the command line and hands over. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/ds4/console.h"
#include "apps/ds4/eval.h"
#include "apps/ds4/info.h"
#include "apps/ds4/logprobs.h"
#include "apps/ds4/oneshot.h"
#include "apps/ds4/text_tools.h"
#include "apps/lib/args.h"
#include "apps/lib/find_model.h"
#include "apps/lib/guard.h"
#include "apps/lib/say.h"
#include "base/file.h"

static volatile sig_atomic_t interrupted;

/* How often it is asked for before the work has looked: the third time ends it at once. */
static void on_interrupt(int sig) {
    if (interrupted >= 2 && sig == SIGINT) _exit(130);
    interrupted = sig == SIGTERM ? CLI_TERMINATE : interrupted + 1;
}

/* Ctrl-C asks the work to end, or the answer in a chat. A closed pipe is a failed write, not a signal. */
static void set_signals(void) {
    struct sigaction ask = {.sa_handler = on_interrupt};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ask.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGINT, &ask, NULL);
    sigaction(SIGTERM, &ask, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

/* ------------------------------------------------------------------ what there is to do */

typedef status work(const ds4_cli *o, run_stats *stats, err *e);

static status run_info(const ds4_cli *o, run_stats *stats, err *e) {
    (void)stats;
    return info_print(o, e);
}

static status run_text_tools(const ds4_cli *o, run_stats *stats, err *e) {
    (void)stats;
    return text_tools_run(o, e);
}

/* What a mode reads of -m. */
typedef enum need { NO_MODEL, VOCABULARY, WEIGHTS } need;

typedef struct mode {
    const char *name;
    bool asked;
    need need;
    work *run;
} mode;

enum { N_MODES = 10 };

static void list_modes(mode out[N_MODES], const ds4_cli *o) {
    const mode all[N_MODES] = {
        {"--info", o->info, WEIGHTS, run_info},
        {"--eval-tokens", o->eval_tokens, WEIGHTS, eval_run},
        {"--dump-logprobs", o->dump_logprobs, WEIGHTS, logprobs_run},
        {"--dump-tokens", o->dump_tokens, VOCABULARY, run_text_tools},
        {"--detokenize", o->detokenize, VOCABULARY, run_text_tools},
        {"--tokenize-lines", o->tokenize_lines, VOCABULARY, run_text_tools},
        {"--render", o->render, NO_MODEL, run_text_tools},
        {"--render-lines", o->render_lines, NO_MODEL, run_text_tools},
        {"--parse", o->parse, NO_MODEL, run_text_tools},
        {"--parse-lines", o->parse_lines, NO_MODEL, run_text_tools},
    };
    memcpy(out, all, sizeof all);
}

static status choose(mode *out, const ds4_cli *o, err *e) {
    mode all[N_MODES];
    const mode *chosen = NULL;
    list_modes(all, o);
    for (size_t i = 0; i < N_MODES; i++) {
        if (!all[i].asked) continue;
        if (chosen)
            return fail(e, E_USAGE, "%s and %s: one of them at a time", chosen->name, all[i].name);
        chosen = &all[i];
    }
    static const mode one_shot = {"-p", true, WEIGHTS, oneshot_run}, talk = {"the chat", true, WEIGHTS, console_run};
    if (!chosen) chosen = o->prompt || o->prompt_file ? &one_shot : &talk;
    if (o->vocab_only && chosen->need == WEIGHTS)
        return fail(e, E_USAGE, "%s needs more than --vocab-only reads", chosen->name);
    if (o->prompt && o->prompt_file)
        return fail(e, E_USAGE, "-p and -f: one of them at a time");
    *out = *chosen;
    return OK;
}

/* The demo model is never taken silently; the chat says it itself. */
static status choose_model(ds4_cli *o, found_model *found, const mode *m, err *e) {
    const status st = find_model(found, o->model, e);
    if (st != OK) return st;
    o->model = found->path;
    o->bundled = found->bundled;
    if (found->bundled && m->run != console_run) say_note("%s", FIND_MODEL_MINI);
    return OK;
}

static status run(ds4_cli *o, err *e) {
    mode m = {0};
    found_model found;
    run_stats stats = {0};
    status st = choose(&m, o, e);
    if (st == OK && m.need != NO_MODEL) st = choose_model(o, &found, &m, e);
    if (st == OK) st = m.run(o, &stats, e);
    if (st == OK && (fflush(stdout) != 0 || ferror(stdout)))
        st = fail(e, E_IO, "cannot write to stdout: %s", strerror(errno));
    if (st == OK && o->stats) stats_print(&stats);
    return st;
}

int main(int argc, char **argv) {
    ds4_cli o = {.top = 5, .thinking_mode = CLI_MODE_THINKING, .sampling = sampler_defaults(),
                 .interrupted = &interrupted};
    const arg table[] = {
        {.group = "Model", .name = "--model", .alias = "-m", .kind = ARG_STRING, .to = &o.model, .value = "FILE",
         .help = "the model (GGUF); else $DS4_MODEL, ds4flash.gguf here, the bundled ds4-mini"},
        {.name = "--mtp", .kind = ARG_STRING, .to = &o.mtp, .value = "FILE",
         .help = "a side file that holds the draft (MTP) block"},
        {.group = "Prompt", .name = "--prompt", .alias = "-p", .kind = ARG_STRING, .to = &o.prompt,
         .help = "the prompt"},
        {.name = "--file", .alias = "-f", .kind = ARG_STRING, .to = &o.prompt_file, .value = "FILE",
         .help = "the prompt is in a file (-: standard input)"},
        {.name = "--system", .kind = ARG_STRING, .to = &o.system, .help = "system prompt"},
        {.name = "--raw", .kind = ARG_FLAG, .to = &o.raw,
         .help = "the prompt is fed as it is, without the chat template"},
        {.name = "--special", .kind = ARG_FLAG, .to = &o.special,
         .help = "--raw and --dump-tokens: text that spells a special token is one"},
        {.name = "--think", .kind = ARG_SET, .to = &o.think, .set = CLI_THINK,
         .help = "think before the answer (default)"},
        {.name = "--nothink", .kind = ARG_SET, .to = &o.think, .set = CLI_NOTHINK,
         .help = "answer at once"},
        {.name = "--think-max", .kind = ARG_SET, .to = &o.think, .set = CLI_THINK_MAX,
         .help = "think as long as it takes"},
        {.alias = "-n", .kind = ARG_U64, .to = &o.n, .given = &o.n_given, .min = 1,
         .max = UINT32_MAX / 2, .help = "at most so many generated tokens"},
        {.group = "Sampling", .name = "--temp", .kind = ARG_F64, .to = &o.sampling.temperature, .f_min = 0,
         .f_max = 100, .help = "0: always the most likely token"},
        {.name = "--top-p", .kind = ARG_F64, .to = &o.sampling.top_p, .f_min = 0, .f_max = 1,
         .help = "only the most likely tokens that have so much probability together"},
        {.name = "--top-k", .kind = ARG_U64, .to = &o.top_k, .min = 0, .max = UINT32_MAX,
         .help = "only so many of the most likely tokens (0: all)"},
        {.name = "--min-p", .kind = ARG_F64, .to = &o.sampling.min_p, .f_min = 0, .f_max = 1,
         .help = "only tokens at least so probable compared with the best"},
        {.name = "--seed", .kind = ARG_U64, .to = &o.sampling.seed, .given = &o.seed_given,
         .help = "the same seed gives the same answer"},
        {.group = "Engine", .name = "--ctx", .kind = ARG_U64, .to = &o.ctx, .min = 1, .max = UINT32_MAX,
         .help = "context size (default: 32768, at most the model's, or what --eval-tokens needs)"},
        {.name = "--batch", .kind = ARG_U64, .to = &o.batch, .min = 1, .max = 65536,
         .help = "tokens of a prompt computed together (default: 512)"},
        {.name = "--threads", .kind = ARG_U64, .to = &o.threads, .min = 1, .max = 1024,
         .help = "CPU threads (default: one for each core)"},
        {.name = "--backend", .kind = ARG_STRING, .to = &o.backend, .value = "cpu|cuda|metal",
         .help = "default: the best one built in that finds a device"},
        {.name = "--exact", .kind = ARG_FLAG, .to = &o.exact,
         .help = "reference arithmetic: float32 throughout, slow"},
        {.name = "--no-sim", .kind = ARG_FLAG, .to = &o.no_sim,
         .help = "without the official FP8/FP4 roundings of cached rows"},
        {.name = "--stats", .kind = ARG_FLAG, .to = &o.stats, .help = "rates and memory on stderr at the end"},
        {.group = "Looking inside", .name = "--info", .kind = ARG_FLAG, .to = &o.info,
         .help = "what the file holds: layout, types, sizes, memory of a context"},
        {.name = "--json", .kind = ARG_FLAG, .to = &o.json, .help = "--info as JSON"},
        {.name = "--eval-tokens", .kind = ARG_STRING, .to = &o.eval_tokens, .value = "FILE",
         .help = "token ids, white space between them: compute the logits after each"},
        {.name = "--logits-out", .kind = ARG_STRING, .to = &o.logits_out, .value = "FILE",
         .help = "where they go: little-endian float32, [tokens][vocab]"},
        {.name = "--mtp-out", .kind = ARG_STRING, .to = &o.mtp_out, .value = "FILE",
         .help = "the draft block's logits as well, [tokens - 1][vocab]"},
        {.name = "--save-at", .kind = ARG_U64, .to = &o.save_at, .given = &o.save_at_given, .min = 1,
         .max = UINT32_MAX, .help = "save the session after that many tokens, drop it, load it, go on"},
        {.name = "--dump-logprobs", .kind = ARG_STRING, .to = &o.dump_logprobs, .value = "FILE",
         .help = "greedy continuation of -p or -f (-n, or 16 tokens), with alternatives, as JSON"},
        {.name = "--top", .kind = ARG_U64, .to = &o.top, .min = 1, .max = 1 << 20,
         .help = "how many of them at each step"},
        {.group = "Text (needs no weights)", .name = "--dump-tokens", .kind = ARG_FLAG, .to = &o.dump_tokens,
         .help = "the ids of -p or -f as a JSON array"},
        {.name = "--detokenize", .kind = ARG_STRING, .to = &o.detokenize, .value = "FILE",
         .help = "ids (white space between them, or a JSON array) to bytes"},
        {.name = "--tokenize-lines", .kind = ARG_STRING, .to = &o.tokenize_lines, .value = "FILE",
         .help = "{\"text\", \"special\"} a line to ids, an array a line"},
        {.name = "--vocab-only", .kind = ARG_FLAG, .to = &o.vocab_only,
         .help = "only the tokeniser of -m is read (as these three always do)"},
        {.name = "--render", .kind = ARG_STRING, .to = &o.render, .value = "FILE",
         .help = "a request, or a case with args, to the exact prompt; needs no model"},
        {.name = "--render-lines", .kind = ARG_STRING, .to = &o.render_lines, .value = "FILE",
         .help = "one a line to a JSON string a line"},
        {.name = "--parse", .kind = ARG_STRING, .to = &o.parse, .value = "FILE",
         .help = "what a model wrote to a message as JSON; needs no model"},
        {.name = "--parse-lines", .kind = ARG_STRING, .to = &o.parse_lines, .value = "FILE",
         .help = "{\"text\", \"thinking_mode\"} a line to a message a line"},
        {.name = "--thinking-mode", .kind = ARG_CHOICE, .to = &o.thinking_mode,
         .choices = cli_thinking_modes, .help = "--parse: how the turn began"},
        {.name = "--strict", .kind = ARG_FLAG, .to = &o.strict,
         .help = "--parse, --parse-lines: refuse what the official parser refuses"},
        {0}};
    const args_spec spec = {.program = "ds4", .synopsis = "[options]",
                            .about = "DeepSeek V4 Flash on your own machine.", .table = table};
    args_words words;
    int rc;
    set_signals();
    /* Editing needs to know what a character is; where the environment does not say, it is UTF-8. */
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
    if (args_start(&spec, argc, argv, &words, &rc)) return rc;
    map_guard_install();
    o.sampling.top_k = (int64_t)o.top_k;
    err e = {0};
    return run(&o, &e) == OK ? 0 : say_error(&e);
}
