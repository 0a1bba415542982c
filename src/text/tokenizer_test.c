#include "text/tokenizer.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"
#include "text/bpe.h"
#include "text/real_vocab.h"
#include "text/small_vocab.h"
#include "text/split_oracle.h"
#include "text/utf8_stream.h"

static const char *program; /* argv[0]: the data lie beside the build */

static uint64_t random_next(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s * 0x2545f4914f6cdd1du >> 16;
}

/* ---- the small vocabulary ---- */

/* The status of loading s; on failure `words` must be part of the message. */
static status load(const small *s, const char *words) {
    tokenizer *t = NULL;
    err e = {0};
    const status st = tok_new(&t, &s->v, &e);
    CHECK((st == OK) == (t != NULL));
    if (st != OK) CHECK_SAY(strstr(e.text, words) != NULL, "\"%s\" says: %s", words, e.text);
    tok_free(t);
    return st;
}

static tokenizer *small_tokenizer(void) {
    small s;
    tokenizer *t = NULL;
    err e = {0};
    small_init(&s);
    if (tok_new(&t, &s.v, &e) != OK) fprintf(stderr, "%s\n", e.text);
    return t;
}

static bool equal(const tokens *a, const tokens *b) {
    return a->n == b->n && (a->n == 0 || memcmp(a->id, b->id, a->n * sizeof *a->id) == 0);
}

static bool gives(const tokenizer *t, const char *text, specials sp, const int32_t *want,
                  size_t n) {
    tokens out = {0};
    const bool ok = tok_encode(t, text, strlen(text), sp, &out, NULL) == OK && out.n == n &&
                    memcmp(out.id, want, n * sizeof *want) == 0;
    if (!ok) {
        fprintf(stderr, "\"%s\" gave", text);
        for (size_t i = 0; i < out.n; i++) fprintf(stderr, " %d", (int)out.id[i]);
        fprintf(stderr, "\n");
    }
    tokens_free(&out);
    return ok;
}
#define GIVES(t, text, sp, ...)                                                                    \
    gives(t, text, sp, (const int32_t[]){__VA_ARGS__}, sizeof(int32_t[]){__VA_ARGS__} / 4)

TEST(a_small_vocabulary_encodes_and_names_its_tokens) {
    tokenizer *t = small_tokenizer();
    REQUIRE(t);
    CHECK(GIVES(t, "abc", TOK_PLAIN, ABC));
    CHECK(GIVES(t, "abab", TOK_PLAIN, AB, AB));
    CHECK(GIVES(t, " think", TOK_PLAIN, THINK));
    CHECK(GIVES(t, "\xff", TOK_PLAIN, BYTE0 + 255));
    CHECK(tok_count(t) == 274 && tok_bos(t) == 0 && tok_eos(t) == 1 && tok_pad(t) == 2);
    CHECK(tok_bytes(t, THI).n == 3 && memcmp(tok_bytes(t, THI).p, " th", 3) == 0);
    CHECK(tok_bytes(t, -1).p == NULL && tok_bytes(t, 274).p == NULL);
    CHECK(tok_kind_of(t, 274) == TOK_UNUSED && tok_kind_of(t, 0) == TOK_CONTROL);
    const int32_t think = tok_find_added(t, "<think>", 7);
    CHECK(think == 266 && tok_is_added(t, think) && tok_kind_of(t, think) == TOK_USER);
    CHECK(tok_find_added(t, "<thin", 5) == 269);
    CHECK(tok_find_added(t, "<thi", 4) == -1 && tok_find_added(t, "abc", 3) == -1);
    CHECK(tok_find_added(t, "[unused]", 8) == -1 && tok_find_added(t, "<unk>", 5) == -1);
    CHECK(!tok_is_added(t, ABC) && !tok_is_added(t, 271) && !tok_is_added(t, 1000));
    CHECK(tok_bytes(t, 270).n == 4); /* two characters of literal text */
    tok_free(t);
}

TEST(added_tokens_are_recognised_in_trusted_text_only) {
    tokenizer *t = small_tokenizer();
    REQUIRE(t);
    CHECK(GIVES(t, "<think>", TOK_SPECIAL, 266));
    CHECK(GIVES(t, "<think", TOK_SPECIAL, 269, BYTE0 + 'k'));
    CHECK(GIVES(t, "abc<think>abc</think><eos>", TOK_SPECIAL, ABC, 266, ABC, 267, 1));
    CHECK(GIVES(t, "<eos>", TOK_PLAIN, BYTE0 + '<', BYTE0 + 'e', BYTE0 + 'o', BYTE0 + 's',
                BYTE0 + '>'));
    CHECK(GIVES(t, "ab<thin>c", TOK_SPECIAL, AB, 269, BYTE0 + '>', BYTE0 + 'c'));
    /* No merge and no piece reaches over an added token. */
    CHECK(GIVES(t, "ab<pad>c", TOK_SPECIAL, AB, 2, BYTE0 + 'c'));
    tok_free(t);
}

/* ---- what is refused ---- */

TEST(a_sound_vocabulary_is_accepted_with_and_without_types) {
    small s;
    small_init(&s);
    CHECK(load(&s, "") == OK);
    s.v.bos = s.v.eos = s.v.pad = -1;
    CHECK(load(&s, "") == OK);
    /* Unused tokens may repeat, others may not. */
    small_token(&s, "[unused]", TOK_UNUSED);
    CHECK(load(&s, "") == OK);
}

TEST(types_can_be_told_from_the_merges) {
    small s;
    small_init(&s);
    s.v.n_tokens = 270; /* without literal text in the alphabet, and unused ones */
    s.v.types = NULL;
    tokenizer *t = NULL;
    REQUIRE(tok_new(&t, &s.v, NULL) == OK);
    CHECK(tok_kind_of(t, 0) == TOK_CONTROL && tok_kind_of(t, 1) == TOK_CONTROL);
    CHECK(tok_kind_of(t, 2) == TOK_CONTROL);
    for (int32_t id = 3; id < 266; id++) CHECK(tok_kind_of(t, id) == TOK_NORMAL);
    for (int32_t id = 266; id < 270; id++) CHECK(tok_kind_of(t, id) == TOK_USER);
    CHECK(GIVES(t, "abc<think>", TOK_SPECIAL, ABC, 266));
    tok_free(t);
}

TEST(bos_eos_and_pad_are_control_tokens_unless_text_needs_them) {
    small s;
    small_init(&s);
    for (int i = 0; i < 3; i++) s.type[i] = TOK_NORMAL;
    s.v.pad = AB;
    tokenizer *t = NULL;
    REQUIRE(tok_new(&t, &s.v, NULL) == OK);
    CHECK(tok_kind_of(t, 0) == TOK_CONTROL && tok_kind_of(t, 1) == TOK_CONTROL);
    CHECK(tok_kind_of(t, 2) == TOK_NORMAL && tok_kind_of(t, AB) == TOK_NORMAL);
    CHECK(tok_find_added(t, "<eos>", 5) == 1 && tok_find_added(t, "<pad>", 5) == -1);
    tok_free(t);
}

TEST(a_vocabulary_without_a_byte_is_refused_with_the_byte) {
    for (int b = 0; b < 256; b++) {
        small s;
        char words[32];
        small_init(&s);
        snprintf(words, sizeof words, "byte 0x%02x", (unsigned)b);
        s.type[BYTE0 + b] = TOK_UNUSED;
        CHECK(load(&s, words) == E_FORMAT);
    }
}

TEST(damaged_tokens_are_refused_with_their_ids) {
    small s;
    small_init(&s);
    s.v.n_tokens = 0;
    CHECK(load(&s, "no tokens") == E_FORMAT);
    small_init(&s);
    s.v.n_tokens = BPE_MAX_TOKENS + 1;
    CHECK(load(&s, "1048577 tokens") == E_LIMIT);
    small_init(&s);
    s.token[ABC] = str("");
    CHECK(load(&s, "token 260 is empty") == E_FORMAT);
    small_init(&s);
    s.token[0] = str("");
    CHECK(load(&s, "token 0 is empty") == E_FORMAT);
    small_init(&s);
    small_token(&s, "abc", TOK_NORMAL);
    CHECK(load(&s, "token 274 repeats token 260") == E_FORMAT);
    small_init(&s);
    small_token(&s, "<eos>", TOK_USER);
    CHECK(load(&s, "repeats token") == E_FORMAT);
    for (int32_t type = -2; type < 10; type++) {
        small_init(&s);
        s.type[273] = type;
        CHECK((load(&s, "token 273 has type") == OK) == (type >= 0 && type <= 6));
    }
    static char longest[2000];
    memset(longest, 'x', sizeof longest - 1);
    small_init(&s);
    s.token[1] = (tok_str){longest, 1024};
    CHECK(load(&s, "") == OK);
    s.token[1].n++;
    CHECK(load(&s, "added token 1 has 1025 bytes") == E_LIMIT);
    /* Sizes that no memory holds are added up before anything is read. */
    small_init(&s);
    s.token[5].n = SIZE_MAX;
    s.token[6].n = 2;
    CHECK(load(&s, "the tokens have more than") == E_LIMIT);
    small_init(&s);
    s.merge[1].n = (size_t)1 << 31;
    CHECK(load(&s, "the merges have more than") == E_LIMIT);
    small_init(&s);
    s.v.n_merges = (size_t)1 << 24;
    CHECK(load(&s, "16777216 merges") == E_LIMIT);
}

TEST(damaged_ids_of_special_tokens_are_refused_by_name) {
    small s;
    small_init(&s);
    s.v.bos = 274;
    CHECK(load(&s, "BOS id is 274, but there are 274 tokens") == E_FORMAT);
    small_init(&s);
    s.v.eos = (int64_t)1 << 32;
    CHECK(load(&s, "EOS id is 4294967296") == E_FORMAT);
    small_init(&s);
    s.v.pad = INT64_MAX;
    CHECK(load(&s, "padding id") == E_FORMAT);
    small_init(&s);
    s.v.pad = INT64_MIN;
    CHECK(load(&s, "") == OK);
}

TEST(damaged_merges_are_refused_with_their_ranks) {
    static const struct {
        const char *merge, *words;
    } bad[] = {
        {"", "merge 2 is not two tokens"},
        {" ", "merge 2 is not two tokens"},
        {"th", "merge 2 is not two tokens"},
        {"t  h", "merge 2 is not two tokens"},
        {"t h ", "merge 2 is not two tokens"},
        {" th", "merge 2 is not two tokens"},
        {"th ", "merge 2 is not two tokens"},
        {"t h i", "merge 2 is not two tokens"},
        {"t\n h", "merge 2 is not two tokens"},
        {"t \xff", "merge 2 is not two tokens"},
        {"t \xef\xbd\x9c", "merge 2 is not two tokens"},
        {"tq h", "merge 2: its left part"},
        {"t hq", "merge 2: its right part"},
        {"t q", "merge 2: its result"},
        {"a b", "merge 2 repeats merge 0"},
        {"< thin", "merge 2: its right part"},
        {"[ unused]", "merge 2: its right part"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        small s;
        small_init(&s);
        s.merge[2] = str(bad[i].merge);
        CHECK_SAY(load(&s, bad[i].words) == E_FORMAT, "merge \"%s\"", bad[i].merge);
    }
}

/* U+0143 is the last letter of the alphabet, byte 173; with U+0144 a text is literal. */
TEST(text_outside_the_alphabet_is_an_added_token) {
    small s;
    tokenizer *t = NULL;
    small_init(&s);
    CHECK(strcmp(s.byte[173], "\xc5\x83") == 0);
    static const char *const outside[] = {"\xc5\x84", "a\xc5\x84", "a b",
                                          "\xc2\xad", "\x7f",      "\xc2\xa0"};
    for (size_t i = 0; i < 6; i++) small_token(&s, outside[i], TOK_NORMAL);
    REQUIRE(tok_new(&t, &s.v, NULL) == OK);
    for (size_t i = 0; i < 6; i++) {
        const int32_t id = 274 + (int32_t)i;
        CHECK_SAY(tok_kind_of(t, id) == TOK_USER, "token %d", (int)id);
        CHECK(tok_find_added(t, outside[i], strlen(outside[i])) == id);
        CHECK(GIVES(t, outside[i], TOK_SPECIAL, id));
    }
    tok_free(t);
}

/* I1 would be void if a merge could make an added token. */
TEST(a_merge_that_makes_an_added_token_is_refused) {
    for (int32_t type = TOK_UNKNOWN; type <= TOK_UNUSED; type++) {
        small s;
        small_init(&s);
        s.type[AB] = type;
        CHECK(load(&s, "merge 0: its result is not a normal token") == E_FORMAT);
    }
}

TEST(a_refused_text_leaves_the_tokens_alone) {
    tokenizer *t = small_tokenizer();
    REQUIRE(t);
    tokens out = {0};
    err e = {0};
    CHECK(tokens_add(&out, 77));
    CHECK(tok_encode(t, "", (size_t)-1, TOK_PLAIN, &out, &e) == E_LIMIT);
    const tok_segment s[] = {{"a", 1, true}, {"", SIZE_MAX, false}};
    CHECK(tok_encode_segments(t, s, 2, &out, &e) == E_LIMIT);
    CHECK(out.n == 1 && out.id[0] == 77);
    CHECK(tok_encode(t, NULL, 0, TOK_SPECIAL, &out, &e) == OK && out.n == 1);
    CHECK(tok_encode_segments(t, NULL, 0, &out, &e) == OK && out.n == 1);
    tokens_free(&out);
    tok_free(t);
}

TEST(decoding_refuses_ids_out_of_range_and_writes_nothing) {
    tokenizer *t = small_tokenizer();
    REQUIRE(t);
    buf out = {0};
    err e = {0};
    buf_str(&out, "x");
    CHECK(tok_decode(t, (const int32_t[]){ABC, 274}, 2, &out, &e) == E_USAGE);
    CHECK(strstr(e.text, "id 274 at place 1") != NULL);
    CHECK(tok_decode(t, (const int32_t[]){-1}, 1, &out, &e) == E_USAGE);
    CHECK(out.n == 1);
    CHECK(tok_decode(t, (const int32_t[]){266, ABC, 1}, 3, &out, &e) == OK);
    CHECK(strcmp(out.data, "x<think>abc<eos>") == 0);
    buf_free(&out);
    tok_free(t);
}

TEST(the_identity_tells_vocabularies_apart) {
    small s;
    tokenizer *t[8] = {0};
    for (int i = 0; i < 8; i++) {
        small_init(&s);
        if (i == 2) s.token[273] = str("<unK>");
        if (i == 3) s.type[273] = TOK_UNUSED;
        if (i == 4) s.merge[0] = s.merge[1], s.merge[1] = str("a b");
        if (i == 5) s.v.eos = 0;
        if (i == 6) s.v.n_tokens--;
        if (i == 7) s.v.n_merges--;
        REQUIRE(tok_new(&t[i], &s.v, NULL) == OK);
    }
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < i; k++)
            CHECK_SAY(hash128_equal(tok_identity(t[i]), tok_identity(t[k])) == (i == 1 && k == 0),
                      "%d and %d", i, k);
    for (int i = 0; i < 8; i++) tok_free(t[i]);
}

/* ---- segments ---- */

typedef struct joined {
    char text[512];
    size_t n;
    bool trusted[512]; /* by byte */
} joined;

/* The rule, carried out to the letter: at each byte the longest added token that lies in trusted
 * bytes only; what stands between is encoded as it is. */
static void segments_oracle(const tokenizer *t, const joined *j, tokens *out) {
    size_t done = 0;
    for (size_t at = 0; at < j->n;) {
        size_t longest = 0;
        int32_t id = -1, found;
        for (size_t n = 1; at + n <= j->n && j->trusted[at + n - 1]; n++)
            if ((found = tok_find_added(t, j->text + at, n)) >= 0) longest = n, id = found;
        if (!longest) {
            at++;
            continue;
        }
        CHECK(tok_encode(t, j->text + done, at - done, TOK_PLAIN, out, NULL) == OK);
        CHECK(tokens_add(out, id));
        done = at += longest;
    }
    CHECK(tok_encode(t, j->text + done, j->n - done, TOK_PLAIN, out, NULL) == OK);
}

static void check_random_segments(const tokenizer *t, uint64_t seed, int rounds) {
    static const char *const word[] = {"<think>",   "</think>", "<",        "/",    "think",
                                       ">",         "<thin",    "k>",       "abc",  "a",
                                       "b",         "c",        " ",        "\n",   "1",
                                       "23",        "<eos>",    "<e",       "os>",  "\xef\xbd\x9c",
                                       "DSML",      "｜DSML｜", "\xef\xbd", "\x9c", "\xe4\xb8\xad",
                                       "\xe4",      "\xb8\xad", "",         "  ",   "\r\n",
                                       "x<think>y", "!"};
    for (int round = 0; round < rounds; round++) {
        joined j = {.n = 0};
        tok_segment s[24];
        size_t n = random_next(&seed) % 24;
        for (size_t i = 0; i < n; i++) {
            const char *w = word[random_next(&seed) % (sizeof word / sizeof *word)];
            s[i] = (tok_segment){w, strlen(w), random_next(&seed) % 2};
            memcpy(j.text + j.n, w, s[i].n);
            for (size_t k = 0; k < s[i].n; k++) j.trusted[j.n++] = s[i].trusted;
        }
        tokens got = {0}, want = {0};
        CHECK(tok_encode_segments(t, s, n, &got, NULL) == OK);
        segments_oracle(t, &j, &want);
        CHECK_SAY(equal(&got, &want), "round %d: %.*s", round, (int)j.n, j.text);
        tokens_free(&got);
        tokens_free(&want);
        if (test_bad > 5) return;
    }
}

TEST(segments_are_joined_and_only_trusted_bytes_make_added_tokens) {
    tokenizer *t = small_tokenizer();
    REQUIRE(t);
    check_random_segments(t, 4711, 20000);
    tok_free(t);
}

TEST(an_added_token_is_never_made_across_a_border_of_trust) {
    static const char *const text[] = {"<think>", "</think>", "<eos>", "｜DSML｜"};
    tokenizer *t = small_tokenizer();
    REQUIRE(t);
    for (size_t i = 0; i < 4; i++)
        for (size_t cut = 1; cut < strlen(text[i]); cut++)
            for (int first = 0; first < 4; first++) {
                const tok_segment s[] = {{text[i], cut, first & 1},
                                         {text[i] + cut, strlen(text[i]) - cut, first >> 1 & 1}};
                tokens out = {0};
                CHECK(tok_encode_segments(t, s, 2, &out, NULL) == OK);
                bool whole = false;
                for (size_t k = 0; k < out.n; k++)
                    whole |=
                        tok_is_added(t, out.id[k]) && tok_bytes(t, out.id[k]).n == strlen(text[i]);
                CHECK_SAY(whole == (first == 3), "%s cut at %zu, trust %d", text[i], cut, first);
                tokens_free(&out);
            }
    tok_free(t);
}

/* ---- the real vocabulary ---- */

static real_vocab real;
static tokenizer *real_tokenizer(void) {
    static tokenizer *t; /* loading takes a while under a sanitizer: once for all tests */
    char folder[1024];
    err e = {0};
    if (t) return t;
    status st = real_vocab_load(&real, real_vocab_folder(folder, program, 3), &e);
    if (st == OK) st = tok_new(&t, &real.v, &e);
    if (st != OK) fprintf(stderr, "%s (make data unpacks it)\n", e.text);
    return t;
}

static bool same_ids(const tokenizer *t, const char *text, size_t n, specials sp, const json *ids) {
    tokens out = {0};
    bool ok = tok_encode(t, text, n, sp, &out, NULL) == OK && out.n == json_count(ids);
    for (size_t i = 0; i < out.n && ok; i++) {
        int64_t id = -1;
        json_i64(json_at(ids, i), &id);
        ok = id == out.id[i];
    }
    tokens_free(&out);
    return ok;
}

TEST(the_reference_cases_agree_id_for_id) {
    const tokenizer *t = real_tokenizer();
    char folder[1024];
    buf lines = {0};
    err e = {0};
    REQUIRE(t);
    REQUIRE(real_read(&lines, real_vocab_folder(folder, program, 3), "cases.jsonl", &e) == OK);
    int cases = 0, plain_differs = 0;
    for (const char *p = lines.data, *end; (end = strchr(p, '\n')) != NULL; p = end + 1, cases++) {
        json_doc *d = NULL;
        REQUIRE(json_parse(&d, p, (size_t)(end - p), 0, "cases.jsonl", &e) == OK);
        const json *o = json_root(d), *ids = json_get(o, "ids"), *plain = json_get(o, "ids_plain");
        size_t n = 0;
        const char *text = json_text(json_get(o, "text"), &n);
        CHECK_SAY(same_ids(t, text, n, TOK_SPECIAL, ids), "raw, case %d: %s", cases, text);
        CHECK_SAY(same_ids(t, text, n, TOK_PLAIN, plain ? plain : ids), "plain, case %d: %s", cases,
                  text);
        const tok_segment as_user = {text, n, false}, as_template = {text, n, true};
        tokens a = {0}, b = {0};
        CHECK(tok_encode_segments(t, &as_user, 1, &a, NULL) == OK);
        CHECK(tok_encode(t, text, n, TOK_PLAIN, &b, NULL) == OK && equal(&a, &b));
        a.n = b.n = 0;
        CHECK(tok_encode_segments(t, &as_template, 1, &a, NULL) == OK);
        CHECK(tok_encode(t, text, n, TOK_SPECIAL, &b, NULL) == OK && equal(&a, &b));
        tokens_free(&a);
        tokens_free(&b);
        plain_differs += plain != NULL;
        json_free(d);
    }
    CHECK(cases == 300 && plain_differs > 10);
    buf_free(&lines);
}

TEST(the_real_vocabulary_names_its_tokens) {
    const tokenizer *t = real_tokenizer();
    REQUIRE(t);
    CHECK(tok_count(t) == 129280 && tok_bos(t) == 0 && tok_eos(t) == 1);
    CHECK(tok_find_added(t, "<think>", 7) == 128821 && tok_find_added(t, "</think>", 8) == 128822);
    const char user[] = "<｜User｜>", bos[] = "<｜begin▁of▁sentence｜>";
    CHECK(tok_find_added(t, user, sizeof user - 1) == 128803);
    CHECK(tok_find_added(t, bos, sizeof bos - 1) == 0 && tok_kind_of(t, 0) == TOK_CONTROL);
    CHECK(tok_kind_of(t, 128821) == TOK_USER && tok_kind_of(t, 100) == TOK_NORMAL);
    int added = 0;
    for (int32_t id = 0; id < 129280; id++) added += tok_is_added(t, id);
    CHECK(added == 1283);
    CHECK(tok_bytes(t, 223).n == 1 && tok_bytes(t, 223).p[0] == ' ');
    CHECK(tok_bytes(t, 201).n == 1 && tok_bytes(t, 201).p[0] == '\n');
}

/* Without the types the merges tell which tokens are added ones. */
TEST(the_real_vocabulary_needs_no_types) {
    const tokenizer *with = real_tokenizer();
    REQUIRE(with);
    tok_vocab v = real.v;
    v.types = NULL;
    tokenizer *t = NULL;
    REQUIRE(tok_new(&t, &v, NULL) == OK);
    int differ = 0;
    for (int32_t id = 0; id < 129280; id++) differ += tok_is_added(t, id) != tok_is_added(with, id);
    CHECK_SAY(differ == 0, "%d tokens", differ);
    tok_free(t);
}

/* The whole tokeniser by the letter: pieces from the regular expressions, and in each the pair
 * whose merge has the lowest id, the leftmost of several. Knows merges as merges.bin has them. */
typedef struct triple {
    int32_t left, right, result;
} triple;

static int compare_triples(const void *x, const void *y) {
    const triple *a = x, *b = y;
    if (a->left != b->left) return a->left < b->left ? -1 : 1;
    return (a->right > b->right) - (a->right < b->right);
}

static size_t slow_piece(const triple *all, size_t n_all, const char *p, size_t n, int32_t *ids) {
    for (size_t i = 0; i < n; i++) {
        /* 33..126, 161..172, 174..255 first, then the others */
        const int b = (unsigned char)p[i];
        ids[i] = 3 + (b > 173    ? b - 68
                      : b == 173 ? 255
                      : b > 160  ? b - 67
                      : b > 126  ? b - 127 + 221
                      : b > 32   ? b - 33
                                 : b + 188);
    }
    for (;;) {
        const triple *best = NULL;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const triple key = {ids[i], ids[i + 1], 0};
            const triple *m = bsearch(&key, all, n_all, sizeof key, compare_triples);
            if (m && (!best || m->result < best->result)) best = m, at = i;
        }
        if (!best) return n;
        ids[at] = best->result;
        n--;
        memmove(ids + at + 1, ids + at + 2, (n - at - 1) * sizeof *ids);
    }
}

static bool encodes_by_the_letter(const tokenizer *t, const triple *all, size_t n_all,
                                  const char *p, size_t n) {
    const oracle_text chars = oracle_decode(p, n);
    const oracle_cuts c = oracle_split(&chars);
    int32_t want[4 * MAX_CHARS];
    size_t count = 0;
    for (size_t k = 0; k < c.n; k++) {
        const size_t from = k ? chars.at[c.end[k - 1]] : 0, to = chars.at[c.end[k]];
        count += slow_piece(all, n_all, p + from, to - from, want + count);
    }
    tokens got = {0};
    const bool ok = tok_encode(t, p, n, TOK_PLAIN, &got, NULL) == OK && got.n == count &&
                    (count == 0 || memcmp(got.id, want, count * sizeof *want) == 0);
    tokens_free(&got);
    return ok;
}

/* A random string out of tokens' own bytes, characters of many scripts, white space and rubbish. */
static size_t random_text(const tokenizer *t, uint64_t *seed, char *p, size_t cap) {
    static const uint32_t script[][2] = {
        {0x20, 0x7e},     {0x20, 0x7e},       {0xa0, 0x24f},      {0x300, 0x36f},
        {0x370, 0x3ff},   {0x400, 0x4ff},     {0x590, 0x6ff},     {0x900, 0x9ff},
        {0xe00, 0xeff},   {0x1000, 0x10ff},   {0x2000, 0x206f},   {0x2150, 0x22ff},
        {0x3000, 0x30ff}, {0x3190, 0x33ff},   {0x4e00, 0x9fff},   {0xac00, 0xd7a3},
        {0xff00, 0xffef}, {0x1d400, 0x1d7ff}, {0x1f300, 0x1f9ff}, {0x20000, 0x2ffff},
        {0, 0x1f},        {0x80, 0x9f},       {'0', '9'},         {0x660, 0x669},
        {0, 0x10ffff}};
    static const char *const white[] = {" ",    "  ",  "\n",       "\r\n", "\t",
                                        "\n\n", " \n", "\xc2\xa0", "\r"};
    size_t n = 0;
    for (uint64_t parts = 1 + random_next(seed) % 12; parts; parts--) {
        char part[256];
        size_t k = 0;
        const uint64_t kind = random_next(seed) % 10;
        if (kind < 4) {
            const tok_str s = tok_bytes(t, (int32_t)(random_next(seed) % tok_count(t)));
            memcpy(part, s.p, k = s.n);
        } else if (kind < 6) {
            k = strlen(strcpy(part, white[random_next(seed) % 9]));
        } else if (kind < 9) {
            const uint32_t *range = script[random_next(seed) % (sizeof script / sizeof *script)];
            for (uint64_t i = 1 + random_next(seed) % 6; i; i--)
                k += utf8_put(part + k,
                              range[0] + (uint32_t)(random_next(seed) % (range[1] - range[0] + 1)));
        } else {
            for (uint64_t i = 1 + random_next(seed) % 4; i; i--)
                part[k++] = (char)random_next(seed);
        }
        if (n + k > cap) break;
        memcpy(p + n, part, k);
        n += k;
    }
    return n;
}

TEST(random_text_encodes_as_the_rules_carried_out_to_the_letter) {
    const tokenizer *t = real_tokenizer();
    char folder[1024];
    buf merges = {0};
    err e = {0};
    REQUIRE(t);
    REQUIRE(real_read(&merges, real_vocab_folder(folder, program, 3), "merges.bin", &e) == OK);
    const size_t n_all = merges.n / 12;
    triple *all = malloc(n_all * sizeof *all);
    REQUIRE(all);
    for (size_t i = 0; i < n_all; i++) {
        const char *p = merges.data + 12 * i;
        all[i] = (triple){(int32_t)real_u32(p), (int32_t)real_u32(p + 4), (int32_t)real_u32(p + 8)};
    }
    qsort(all, n_all, sizeof *all, compare_triples);
    uint64_t seed = 31337;
    for (int i = 0; i < 8000 && test_bad < 5; i++) {
        char p[MAX_CHARS];
        const size_t n = random_text(t, &seed, p, sizeof p);
        CHECK_SAY(encodes_by_the_letter(t, all, n_all, p, n), "text %d: %.*s", i, (int)n, p);
    }
    free(all);
    buf_free(&merges);
}

/* I1 and I3 for anything at all; and what comes token by token through the stream is the text. */
TEST(any_bytes_come_back_and_plain_text_yields_no_added_token) {
    const tokenizer *t = real_tokenizer();
    uint64_t seed = 1234;
    REQUIRE(t);
    for (int i = 0; i < 20000 && test_bad < 5; i++) {
        char p[300];
        size_t n = random_text(t, &seed, p, sizeof p);
        if (i % 4 == 0)
            for (size_t k = 0; k < n; k++) p[k] = (char)random_next(&seed);
        for (int sp = TOK_PLAIN; sp <= TOK_SPECIAL; sp++) {
            tokens ids = {0};
            buf back = {0}, streamed = {0}, whole = {0};
            utf8_stream s = {{0}, 0};
            CHECK(tok_encode(t, p, n, (specials)sp, &ids, NULL) == OK && ids.n <= n);
            CHECK(tok_decode(t, ids.id, ids.n, &back, NULL) == OK);
            CHECK_SAY(back.n == n && (n == 0 || memcmp(back.data, p, n) == 0), "text %d", i);
            for (size_t k = 0; k < ids.n && sp == TOK_PLAIN; k++)
                CHECK_SAY(!tok_is_added(t, ids.id[k]), "text %d: id %d", i, (int)ids.id[k]);
            for (size_t k = 0; k < ids.n; k++)
                utf8_stream_feed(&s, tok_bytes(t, ids.id[k]).p, tok_bytes(t, ids.id[k]).n,
                                 &streamed);
            utf8_stream_end(&s, &streamed);
            s = (utf8_stream){{0}, 0};
            utf8_stream_feed(&s, p, n, &whole);
            utf8_stream_end(&s, &whole);
            CHECK(streamed.n == whole.n &&
                  (whole.n == 0 || memcmp(streamed.data, whole.data, whole.n) == 0));
            tokens_free(&ids);
            buf_free(&back);
            buf_free(&streamed);
            buf_free(&whole);
        }
    }
}

TEST(every_added_token_and_its_neighbours_in_plain_text_are_plain) {
    const tokenizer *t = real_tokenizer();
    REQUIRE(t);
    for (int32_t id = 0; id < 129280; id++) {
        if (!tok_is_added(t, id)) continue;
        const tok_str s = tok_bytes(t, id);
        tokens out = {0};
        CHECK(tok_encode(t, s.p, s.n, TOK_PLAIN, &out, NULL) == OK && out.n > 1);
        for (size_t k = 0; k < out.n; k++) CHECK(out.id[k] >= 3 && out.id[k] < 128000);
        out.n = 0;
        CHECK(tok_encode(t, s.p, s.n, TOK_SPECIAL, &out, NULL) == OK);
        CHECK(out.n == 1 && out.id[0] == id);
        tokens_free(&out);
    }
}

TEST(segments_with_the_real_vocabulary_follow_the_same_rule) {
    const tokenizer *t = real_tokenizer();
    REQUIRE(t);
    check_random_segments(t, 815, 4000);
}

/* Leaves the process `spare` bytes of address space; false where that cannot be done. */
static bool squeeze(uint64_t spare, struct rlimit *was) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return false;
#endif
#endif
    FILE *proc = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (!proc) return false;
    const bool known = fscanf(proc, "%lu", &pages) == 1;
    fclose(proc);
    if (!known || getrlimit(RLIMIT_AS, was) != 0) return false;
    struct rlimit tight = *was;
    tight.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + spare;
    return setrlimit(RLIMIT_AS, &tight) == 0;
}

/* From no memory at all up to enough: where it ends, an error comes back and nothing changes. */
TEST(when_memory_ends_an_error_comes_back_and_the_tokens_stay) {
    enum { N = 1 << 20 };
    const tokenizer *t = real_tokenizer();
    REQUIRE(t);
    char *p = malloc(N);
    REQUIRE(p);
    memset(p, 'x', N);
    memcpy(p, "a few words ", 12);
    int refused = 0, encoded = 0, unloaded = 0, loaded = 0;
    for (uint64_t spare = 0; spare < 40u << 20; spare += 5u << 19) {
        struct rlimit was;
        tokens out = {0};
        tokenizer *other = NULL;
        err e = {0};
        CHECK(tokens_add(&out, 77));
        if (!squeeze(spare, &was)) {
            tokens_free(&out);
            free(p);
            SKIP("the memory of this process cannot be limited");
        }
        const status loading = tok_new(&other, &real.v, &e);
        tok_free(other);
        const status encoding = tok_encode(t, p, N, TOK_PLAIN, &out, &e);
        REQUIRE(setrlimit(RLIMIT_AS, &was) == 0);
        CHECK(loading == OK || (loading == E_NOMEM && !other));
        CHECK(encoding == OK || (encoding == E_NOMEM && out.n == 1));
        CHECK(out.n >= 1 && out.id[0] == 77 && (encoding != OK || out.n > 5));
        unloaded += loading != OK, loaded += loading == OK;
        refused += encoding != OK, encoded += encoding == OK;
        tokens_free(&out);
    }
    CHECK_SAY(refused && encoded, "%d refused, %d encoded", refused, encoded);
    CHECK_SAY(unloaded && loaded, "%d not loaded, %d loaded", unloaded, loaded);
    free(p);
}

/* 24,000 tokens are to take well under a second, whatever the text; a sanitizer costs a factor. */
TEST(a_long_piece_takes_no_longer_than_its_length_asks) {
    const tokenizer *t = real_tokenizer();
    REQUIRE(t);
    buf b = {0};
    tokens out = {0};
    uint64_t seed = 6;
    while (b.n < 400000) {
        char c[4];
        buf_add(&b, c, utf8_put(c, 0x4e00 + (uint32_t)(random_next(&seed) % 0x5000)));
    }
    const clock_t start = clock();
    CHECK(tok_encode(t, b.data, b.n, TOK_SPECIAL, &out, NULL) == OK && out.n > 100000);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    CHECK_SAY(seconds < 5, "%.2f s", seconds);
    tokens_free(&out);
    buf_free(&b);
}

int main(int argc, char **argv) {
    program = argv[0];
    const int failed = tests_run(argc, argv);
    tok_free(real_tokenizer());
    real_vocab_free(&real);
    return failed;
}
