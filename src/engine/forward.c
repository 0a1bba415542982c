/* forward: the model, written down once, as stages over a batch. */
#include "engine/inside.h"

static void tell(const stage_watch *w, const batch *x, stage s, const layer *l) {
    if (w->see) w->see(w->self, x, s, l);
}

static void block(const backend_ops *op, backend *b, const layer *l, const batch *x, const stage_watch *w) {
    tell(w, x, STAGE_ATTN_IN, l);
    op->attn_in(b, l);
    if (l->ratio) {
        tell(w, x, STAGE_COMPRESS, l);
        op->compress(b, l);
    }
    if (l->ratio == 4) {
        tell(w, x, STAGE_SELECT, l);
        op->select(b, l);
    }
    tell(w, x, STAGE_ATTEND, l);
    op->attend(b, l);
    tell(w, x, STAGE_ATTN_OUT, l);
    op->attn_out(b, l);
    tell(w, x, STAGE_FFN_IN, l);
    op->ffn_in(b, l);
    tell(w, x, STAGE_EXPERTS, l);
    op->experts(b, l);
}

static void finish(const backend_ops *op, backend *b, const head_weights *h, const batch *x, const stage_watch *w) {
    tell(w, x, STAGE_HEAD, NULL);
    op->head(b, h);
    tell(w, x, STAGE_END, NULL);
}

void forward_trunk(const backend_ops *op, backend *b, const plan *p, const batch *x, const stage_watch *w) {
    tell(w, x, STAGE_EMBED, NULL);
    op->embed(b);
    for (uint32_t i = 0; i < p->shape->n_layers; i++) block(op, b, &p->layers[i], x, w);
    finish(op, b, &p->weights->head, x, w);
}

void forward_draft(const backend_ops *op, backend *b, const plan *p, const batch *x, const stage_watch *w) {
    tell(w, x, STAGE_DRAFT_IN, NULL);
    op->draft_in(b);
    block(op, b, p->draft, x, w);
    finish(op, b, &p->weights->draft.head, x, w);
}
