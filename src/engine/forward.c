/* forward: the model, written down once, as stages over a batch. */
#include "engine/inside.h"

static void block(const backend_ops *op, backend *b, const layer *l) {
    op->attn_in(b, l);
    if (l->ratio) op->compress(b, l);
    if (l->ratio == 4) op->select(b, l);
    op->attend(b, l);
    op->attn_out(b, l);
    op->ffn_in(b, l);
    op->experts(b, l);
}

void forward_trunk(const backend_ops *op, backend *b, const plan *p) {
    op->embed(b);
    for (uint32_t i = 0; i < p->shape->n_layers; i++) block(op, b, &p->layers[i]);
    op->head(b, &p->weights->head);
}

void forward_draft(const backend_ops *op, backend *b, const plan *p) {
    op->draft_in(b);
    block(op, b, p->draft);
    op->head(b, &p->weights->draft.head);
}
