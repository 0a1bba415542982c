/* attn_out: the grouped output projection, and the result joins the streams.
 *
 *     a_g = wo_a[g Ro .. (g+1) Ro) . o(heads of group g)          y = wo_b . (a_0 .. a_G-1)
 */
#include "backend/cpu/cpu.h"

void cpu_attn_out(backend *b, const layer *l) {
    const shape *s = b->s;
    const uint32_t n = b->x->n_rows, heads = s->n_heads * s->head_dim, in = heads / s->o_groups;
    const uint32_t all = s->o_groups * s->o_rank;
    acts_set(&b->a_attended, b->q, n, heads);
    acts_ready(b, &b->a_attended, &l->w->out_a);
    for (uint32_t g = 0; g < s->o_groups; g++) {
        acts group = acts_columns(&b->a_attended, g * in, in);
        cpu_matmul(b, &l->w->out_a, g * s->o_rank, s->o_rank, &group, b->grouped + (size_t)g * s->o_rank, all);
    }
    acts_set(&b->a_grouped, b->grouped, n, all);
    cpu_matmul(b, &l->w->out_b, 0, s->d_model, &b->a_grouped, b->output, s->d_model);
    hc_expand(b);
}
