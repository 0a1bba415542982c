#include "sample/budget.h"

#include <string.h>

/* ---- limits ---- */

/* The most that can be thought so that `reserve` tokens follow the close token. */
static uint64_t room_limit(uint64_t left, uint64_t reserve) {
    if (left == 0 || reserve == 0) return UINT64_MAX;
    if (reserve > left / 2) reserve = left / 2;
    return reserve == 0 ? UINT64_MAX : left - reserve - 1;
}

static int32_t forced(const budget *b, bool ends_sentence) {
    if (!b->thinking) return BUDGET_FREE;
    const bool over = b->n_thinking >= b->limit;
    const bool may = b->soft > 0 && b->n_thinking >= b->soft && ends_sentence;
    return over || may ? b->close_token : BUDGET_FREE;
}

int32_t budget_start(budget *b, const budget_options *o) {
    const uint64_t room = room_limit(o->left, o->reserve);
    const uint64_t hard = o->hard > 0 ? o->hard : UINT64_MAX;
    *b = (budget){
        .thinking = true,
        .limit = hard < room ? hard : room,
        .soft = o->soft,
        .close_token = o->close_token,
    };
    return forced(b, false);
}

/* Once the soft limit has asked for the close token, another token in its place would make the
 * next place wait again; so the limit is pulled down to here. */
int32_t budget_step(budget *b, int32_t token, bool ends_sentence) {
    if (!b->thinking) return BUDGET_FREE;
    if (token == b->close_token) {
        b->thinking = false;
        return BUDGET_FREE;
    }
    b->n_thinking++;
    const int32_t next = forced(b, ends_sentence);
    if (next != BUDGET_FREE && b->n_thinking < b->limit) b->limit = b->n_thinking;
    return next;
}

/* ---- text ---- */

static bool ends_with(const char *p, size_t n, const char *end) {
    const size_t k = strlen(end);
    return n >= k && memcmp(p + n - k, end, k) == 0;
}

/* The length of the entry of a list that the text ends with, or 0. */
static size_t ending(const char *p, size_t n, const char *const *list) {
    for (; *list; list++)
        if (ends_with(p, n, *list)) return strlen(*list);
    return 0;
}

bool budget_sentence_end(const char *tail, size_t n) {
    static const char *const closing[] = {
        " ", "\t", "\"", "'", ")", "]", "}", "*", "_", "`",
        "\xe2\x80\x9d", "\xe2\x80\x99", "\xc2\xbb",     /* quotes: 201D 2019 00BB    */
        "\xe3\x80\x8d", "\xe3\x80\x8f", "\xef\xbc\x89", /* CJK: 300D 300F FF09       */
        NULL};
    static const char *const ends[] = {
        "\n", "\r", "!", "?", "\xe2\x80\xa6",           /* 2026, an ellipsis         */
        "\xe3\x80\x82", "\xef\xbc\x81", "\xef\xbc\x9f", /* CJK: 3002 FF01 FF1F       */
        NULL};
    for (size_t k; (k = ending(tail, n, closing)) > 0;) n -= k;
    if (ending(tail, n, ends) > 0) return true;
    return n > 0 && tail[n - 1] == '.' && !(n > 1 && tail[n - 2] >= '0' && tail[n - 2] <= '9');
}
