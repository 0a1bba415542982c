"""model: the transformer of DeepSeek V4 for training, whole sequences at a time.

The same function as the engine's, arranged for a GPU that sees 65,000 tokens at once:

  experts      all of them computed for every token, as one wide SwiGLU whose columns are scaled by the
               route weights (0 where not chosen): three matrix products, no gather, exact gradients
  window       blocks of `window` queries against their own and the previous block's rows
  compressed   all rows at once under a mask; with `sparse` only the indexer's choice
  documents    several in a row, each beginning at a multiple of 128, told apart by `doc` numbers;
               rotary angles depend on differences only, so a document need not begin at position 0

The parameters carry their names in the official checkpoint; experts are stacked in one tensor.
Functions are free of state so that each compiles once for a kind of layer.
"""
import math

import torch
import torch.nn.functional as F

from rounding import hadamard_matrix, round_fp4, round_q4, round_q8
from sinkhorn import sinkhorn

MINUS_INFINITY = float("-inf")


# ---------------------------------------------------------------- parameters
def parameter_shapes(s, mtp=True):
    """name -> (shape, initial deviation or one of 'one' 'zero' 'read' 'write' 'mix')."""
    out = {"embed.weight": ((s.vocab, s.hidden), 0.7), "head.weight": ((s.vocab, s.hidden), 0.02),
           "norm.weight": ((s.hidden,), "one")}

    def head_hc(p):
        out[p + "hc_head_fn"] = ((s.streams, s.streams * s.hidden), 0.01)
        out[p + "hc_head_base"] = ((s.streams,), "zero")
        out[p + "hc_head_scale"] = ((1,), "tenth")

    def compressor(p, ratio, dim):
        width = dim * (2 if ratio == 4 else 1)
        out[p + "wkv.weight"] = ((width, s.hidden), s.hidden ** -0.5)
        out[p + "wgate.weight"] = ((width, s.hidden), 0.3 * s.hidden ** -0.5)
        out[p + "ape"] = ((ratio, width), 0.5)
        out[p + "norm.weight"] = ((dim,), "one")

    def layer(p, ratio, hashed):
        d, h, e = s.hidden, s.heads * s.head_dim, s.streams * s.hidden
        for site in ("attn", "ffn"):
            out[p + f"{site}_norm.weight"] = ((d,), "one")
            out[p + f"hc_{site}_fn"] = (((2 + s.streams) * s.streams, e), 0.01)
            out[p + f"hc_{site}_base"] = (((2 + s.streams) * s.streams,), "streams")
            out[p + f"hc_{site}_scale"] = ((3,), "tenth")
        a = p + "attn."
        out[a + "attn_sink"] = ((s.heads,), "zero")
        out[a + "wq_a.weight"] = ((s.q_rank, d), d ** -0.5)
        out[a + "q_norm.weight"] = ((s.q_rank,), "one")
        out[a + "wq_b.weight"] = ((h, s.q_rank), s.q_rank ** -0.5)
        out[a + "wkv.weight"] = ((s.head_dim, d), d ** -0.5)
        out[a + "kv_norm.weight"] = ((s.head_dim,), "one")
        out[a + "wo_a.weight"] = ((s.groups * s.o_rank, h // s.groups), (h // s.groups) ** -0.5)
        out[a + "wo_b.weight"] = ((d, s.groups * s.o_rank), 0.2 * (s.groups * s.o_rank) ** -0.5)
        if ratio:
            compressor(a + "compressor.", ratio, s.head_dim)
        if ratio == 4:
            out[a + "indexer.wq_b.weight"] = ((s.index_heads * s.index_dim, s.q_rank), s.q_rank ** -0.5)
            out[a + "indexer.weights_proj.weight"] = ((s.index_heads, d), d ** -0.5)
            compressor(a + "indexer.compressor.", 4, s.index_dim)
        f = p + "ffn."
        out[f + "gate.weight"] = ((s.experts, d), d ** -0.5)
        if not hashed:
            out[f + "gate.bias"] = ((s.experts,), "zero")
        out[f + "experts.w1"] = ((s.experts, s.inner, d), d ** -0.5)
        out[f + "experts.w3"] = ((s.experts, s.inner, d), d ** -0.5)
        out[f + "experts.w2"] = ((s.experts, d, s.inner), 0.2 * s.inner ** -0.5)
        out[f + "shared_experts.w1.weight"] = ((s.inner, d), d ** -0.5)
        out[f + "shared_experts.w3.weight"] = ((s.inner, d), d ** -0.5)
        out[f + "shared_experts.w2.weight"] = ((d, s.inner), 0.2 * s.inner ** -0.5)

    for i, ratio in enumerate(s.ratios):
        layer(f"layers.{i}.", ratio, i < s.hash_layers)
    head_hc("")
    if mtp:
        layer("mtp.0.", 0, False)
        for n in ("e_proj", "h_proj"):
            out[f"mtp.0.{n}.weight"] = ((s.hidden, s.hidden), s.hidden ** -0.5)
        for n in ("enorm", "hnorm", "norm"):
            out[f"mtp.0.{n}.weight"] = ((s.hidden,), "one")
        head_hc("mtp.0.")
    return out


def initial_parameters(s, seed, device):
    g = torch.Generator().manual_seed(seed)
    out, site = {}, 0
    for name, (shape, how) in parameter_shapes(s).items():
        if how == "one":
            w = torch.ones(shape)
        elif how == "zero":
            w = torch.zeros(shape)
        elif how == "tenth":
            w = torch.full(shape, 0.1)
        elif how == "streams":
            # reads mostly one stream, writes all of them, mixes hardly: plain residuals to begin with
            m = s.streams
            w = torch.cat([torch.full((m,), -1.5), 0.2 * torch.randn(m, generator=g), torch.zeros(m * m)])
            w[site % m] = 1.5
            w[2 * m:] += 4.0 * torch.eye(m).flatten()
            site += 1
        else:
            w = torch.randn(shape, generator=g) * how
        out[name] = w.to(device)
    return out


def hash_tables(s, seed):
    """Which experts a token id goes to in the first layers: a fixed draw, every expert equally often."""
    g = torch.Generator().manual_seed(seed)
    return {f"layers.{i}.ffn.gate.tid2eid":
            torch.stack([torch.randperm(s.experts, generator=g)[: s.used] for _ in range(s.vocab)])
            for i in range(s.hash_layers)}


# ---------------------------------------------------------------- rotary
def frequencies(s, compressed):
    half = s.rope // 2
    i = torch.arange(half, dtype=torch.float64)
    if not compressed:
        return s.theta ** (-2 * i / s.rope)
    f = s.theta_compressed ** (-2 * i / s.rope)

    def turn(beta):
        return s.rope * math.log(s.yarn_original / (2 * math.pi * beta)) / (2 * math.log(s.theta_compressed))

    lo, hi = max(math.floor(turn(32)), 0), min(math.ceil(turn(1)), s.rope - 1)
    u = ((i - lo) / (hi - lo if hi != lo else 0.001)).clamp(0, 1)
    return (1 - u) * f + u * f / s.yarn_factor


def rotations(s, length, device):
    """For both kinds of layer: (cos, sin), float32 [length, rope / 2]."""
    out = []
    for compressed in (False, True):
        f = frequencies(s, compressed).float()
        a = torch.arange(length, dtype=torch.float32)[:, None] * f
        out.append((a.double().cos().float().to(device), a.double().sin().float().to(device)))
    return out


def rotate(x, cos, sin):
    """The last dims of x, adjacent pairs. cos, sin broadcast over x[..., pair]."""
    n = 2 * cos.shape[-1]
    keep, y = x[..., :-n], x[..., -n:].float()
    y = y.reshape(*y.shape[:-1], -1, 2)
    a, b = y[..., 0], y[..., 1]
    z = torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)
    return torch.cat([keep, z.to(x.dtype)], -1)


def rms(x, eps, w=None):
    y = x.float()
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps)
    return (y if w is None else y * w).to(x.dtype)


# ---------------------------------------------------------------- hyper-connections
def hc_pre(s, x, fn, base, scale):
    m = s.streams
    flat = x.flatten(-2)
    r = torch.rsqrt(flat.float().pow(2).mean(-1, keepdim=True) + s.eps)
    p = F.linear(flat, fn.to(flat.dtype)).float() * r
    pre = torch.sigmoid(p[..., :m] * scale[0] + base[:m]) + s.hc_eps
    post = 2 * torch.sigmoid(p[..., m:2 * m] * scale[1] + base[m:2 * m])
    z = (p[..., 2 * m:] * scale[2] + base[2 * m:]).unflatten(-1, (m, m))
    u = (pre[..., None] * x.float()).sum(-2).to(x.dtype)
    return u, post, sinkhorn(z.contiguous(), s.rounds, s.hc_eps)


def hc_post(x, y, post, c):
    mixed = (c[..., None] * x.float()[..., :, None, :]).sum(-3)
    return (post[..., None] * y.float()[..., None, :] + mixed).to(x.dtype)


def hc_head(s, x, fn, base, scale):
    flat = x.flatten(-2)
    r = torch.rsqrt(flat.float().pow(2).mean(-1, keepdim=True) + s.eps)
    pre = torch.sigmoid(F.linear(flat, fn.to(flat.dtype)).float() * r * scale[0] + base) + s.hc_eps
    return (pre[..., None] * x.float()).sum(-2).to(x.dtype)


# ---------------------------------------------------------------- compressor
def compress(s, x, p, ratio, dim, doc, cos, sin):
    """x [B, L, D] -> rows [B, L / ratio, dim], before rounding. doc [B, L]."""
    b, length, _ = x.shape
    n = length // ratio
    k = F.linear(x, p["wkv.weight"].to(x.dtype)).float().view(b, n, ratio, -1)
    g = F.linear(x, p["wgate.weight"].to(x.dtype)).float().view(b, n, ratio, -1) + p["ape"]
    if ratio == 4:
        same = doc.view(b, n, ratio)[:, :, 0]
        same = F.pad(same[:, 1:] == same[:, :-1], (1, 0))  # has a window before it in its document
        before = F.pad(g[:, :-1, :, :dim], (0, 0, 0, 0, 1, 0))
        before = torch.where(same[:, :, None, None], before, MINUS_INFINITY)
        k = torch.cat([F.pad(k[:, :-1, :, :dim], (0, 0, 0, 0, 1, 0)), k[..., dim:]], 2)
        g = torch.cat([before, g[..., dim:]], 2)
    row = (torch.softmax(g, 2) * k).sum(2)
    row = rms(row, s.eps, p["norm.weight"]).to(x.dtype)
    return rotate(row, cos[::ratio][:n], sin[::ratio][:n])


def part_rounded(s, rows, simulate):
    if not simulate:
        return rows
    n = s.head_dim - s.rope
    return torch.cat([round_q8(rows[..., :n]), rows[..., n:]], -1)


def index_scores(s, x, c, p, doc, cos, sin, simulate):
    """[B, L, n] float32: how much each query wants each compressed row."""
    b, length, _ = x.shape
    q = F.linear(c, p["wq_b.weight"].to(c.dtype)).view(b, length, s.index_heads, s.index_dim)
    q = rotate(q, cos[:length, None], sin[:length, None])
    inner = {k[len("compressor."):]: v for k, v in p.items() if k.startswith("compressor.")}
    rows = compress(s, x, inner, 4, s.index_dim, doc, cos, sin)
    if simulate:
        h = hadamard_matrix(s.index_dim, x.device).to(x.dtype)
        q, rows = round_q4(q @ h), round_q4(rows @ h)
    g = F.linear(x, p["weights_proj.weight"].to(x.dtype)).float() * (s.index_dim * s.index_heads) ** -0.5
    z = torch.bmm(q.reshape(b, length * s.index_heads, -1), rows.transpose(1, 2))
    z = torch.relu(z.view(b, length, s.index_heads, -1)).float()
    return (z * g[..., None]).sum(2)


# ---------------------------------------------------------------- attention
def attention(s, x, p, ratio, doc, cos, sin, *, simulate, sparse, teach, notes=None):
    """x [B, L, D], normed -> (y [B, L, D], loss of the indexer or None)."""
    b, length, _ = x.shape
    h, d, w = s.heads, s.head_dim, s.window
    nb = length // w
    cos_t, sin_t = cos[:length, None], sin[:length, None]
    c = rms(F.linear(x, p["wq_a.weight"].to(x.dtype)), s.eps, p["q_norm.weight"])
    q = F.linear(c, p["wq_b.weight"].to(x.dtype)).view(b, length, h, d)
    q = rotate(rms(q, s.eps), cos_t, sin_t)
    kv = rms(F.linear(x, p["wkv.weight"].to(x.dtype)), s.eps, p["kv_norm.weight"])
    kv = part_rounded(s, rotate(kv, cos[:length], sin[:length]), simulate)

    blocks = kv.view(b, nb, w, d)
    keys = torch.cat([F.pad(blocks[:, :-1], (0, 0, 0, 0, 1, 0)), blocks], 2).view(b * nb, 2 * w, d)
    qw = q.reshape(b * nb, w * h, d)
    zw = torch.bmm(qw, keys.transpose(1, 2)).view(b, nb, w, h, 2 * w).float() * d ** -0.5
    dq = doc.view(b, nb, w)
    dk = torch.cat([F.pad(dq[:, :-1], (0, 0, 1, 0), value=-1), dq], 2)
    away = torch.arange(w, device=x.device)[:, None] + w - torch.arange(2 * w, device=x.device)
    seen = ((away >= 0) & (away < w)) & (dq[..., None] == dk[:, :, None, :])
    zw = torch.where(seen[:, :, :, None, :], zw, MINUS_INFINITY)
    sink = p["attn_sink"]
    top = torch.maximum(zw.amax(-1), sink).view(b, length, h)

    rows = loss = None
    if ratio:
        inner = {k[len("compressor."):]: v for k, v in p.items() if k.startswith("compressor.")}
        rows = part_rounded(s, compress(s, x, inner, ratio, d, doc, cos, sin), simulate)
        n = length // ratio
        closed = (torch.arange(length, device=x.device) + 1) // ratio
        visible = torch.arange(n, device=x.device)[None, :] < closed[:, None]
        visible = visible & (doc[:, :, None] == doc[:, None, ::ratio])
        scores = None
        if ratio == 4 and (teach or (sparse and n > s.index_topk)):
            ip = {k[len("indexer."):]: v for k, v in p.items() if k.startswith("indexer.")}
            scores = index_scores(s, x.detach(), c.detach(), ip, doc, cos, sin, simulate)
            scores = torch.where(visible, scores, MINUS_INFINITY)
            if sparse and n > s.index_topk:
                least = scores.detach().topk(s.index_topk, -1).values[..., -1:]
                visible = visible & (scores.detach() >= least)
        zc = torch.bmm(q.reshape(b, length * h, d), rows.transpose(1, 2)).view(b, length, h, n).float() * d ** -0.5
        zc = torch.where(visible[:, :, None, :], zc, MINUS_INFINITY)
        top = torch.maximum(top, zc.amax(-1))
    top = top.detach()
    pw = torch.exp(zw - top.view(b, nb, w, h, 1))
    total = pw.sum(-1).view(b, length, h) + torch.exp(sink - top)
    o = torch.bmm(pw.to(x.dtype).view(b * nb, w * h, 2 * w), keys).view(b, length, h, d).float()
    if ratio:
        pc = torch.exp(zc - top[..., None])
        total = total + pc.sum(-1)
        o = o + torch.bmm(pc.to(x.dtype).view(b, length * h, n), rows).view(b, length, h, d).float()
        if scores is not None and teach:
            mass = (pc.detach() / total.detach()[..., None]).sum(2)
            whole = mass.sum(-1, keepdim=True)
            target = mass / whole.clamp_min(1e-9)
            guess = torch.where(visible, scores, -1e30)
            guess = guess - torch.logsumexp(guess, -1, keepdim=True)
            gap = torch.where(target > 0, target * (target.clamp_min(1e-20).log() - guess), 0.0).sum(-1)
            loss = (gap * (whole[..., 0] > 1e-6)).mean()
            if notes is not None:
                notes.append((scores.detach(), target))
    o = (o / total[..., None]).to(x.dtype)
    o = rotate(o, cos_t, -sin_t).reshape(b, length, s.groups, -1)
    wa = p["wo_a.weight"].to(x.dtype).view(s.groups, s.o_rank, -1)
    a = torch.einsum("blgi,gri->blgr", o, wa).reshape(b, length, -1)
    return F.linear(a, p["wo_b.weight"].to(x.dtype)), loss


# ---------------------------------------------------------------- experts
def experts(s, x, p, ids, table):
    """x [B, L, D], normed -> (y, how many tokens each expert got [E])."""
    logits = F.linear(x.float(), p["gate.weight"])
    score = torch.sqrt(F.softplus(logits))
    if table is not None:
        chosen = table[ids]
    else:
        chosen = (score.detach() + p["gate.bias"].detach()).topk(s.used, -1).indices
    hit = torch.zeros_like(score).scatter(-1, chosen, 1.0)
    g = score * hit
    g = s.scale * g / g.sum(-1, keepdim=True)
    g = torch.cat([g, torch.ones_like(g[..., :1])], -1)  # the shared expert stands last

    def wide(name):
        stack = torch.cat([p[f"experts.{name}"], p[f"shared_experts.{name}.weight"][None]])
        return stack.to(x.dtype)

    gate = F.linear(x, wide("w1").flatten(0, 1)).float().clamp(max=s.limit)
    up = F.linear(x, wide("w3").flatten(0, 1)).float().clamp(-s.limit, s.limit)
    act = (F.silu(gate) * up).unflatten(-1, (s.experts + 1, s.inner)) * g[..., None]
    w2 = wide("w2").permute(1, 0, 2).flatten(1)
    return F.linear(act.flatten(-2).to(x.dtype), w2), hit.detach().flatten(0, -2).sum(0)


# ---------------------------------------------------------------- layers and the whole
def attention_site(s, x, p, ratio, doc, cos, sin, simulate, sparse, teach):
    u, post, c = hc_pre(s, x, p["hc_attn_fn"], p["hc_attn_base"], p["hc_attn_scale"])
    inner = {k[len("attn."):]: v for k, v in p.items() if k.startswith("attn.")}
    y, loss = attention(s, rms(u, s.eps, p["attn_norm.weight"]), inner, ratio, doc, cos, sin,
                        simulate=simulate, sparse=sparse, teach=teach)
    return hc_post(x, y, post, c), loss


def expert_site(s, x, p, ids, table):
    u, post, c = hc_pre(s, x, p["hc_ffn_fn"], p["hc_ffn_base"], p["hc_ffn_scale"])
    inner = {k[len("ffn."):]: v for k, v in p.items() if k.startswith("ffn.")}
    y, load = experts(s, rms(u, s.eps, p["ffn_norm.weight"]), inner, ids, table)
    return hc_post(x, y, post, c), load


def head_logits(s, x, fn, base, scale, norm, head):
    h = rms(hc_head(s, x, fn, base, scale), s.eps, norm)
    return F.linear(h, head.to(h.dtype)).float()


def weighted_loss(s, x, fn, base, scale, norm, head, targets, weights):
    logits = head_logits(s, x, fn, base, scale, norm, head)
    each = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    right = (logits.detach().argmax(-1) == targets)
    return (each * weights.flatten()).sum(), right


def mtp_input(s, x, ahead, p):
    """x the trunk's streams at i, ahead the embedding of token i + 1."""
    a = F.linear(rms(ahead, s.eps, p["enorm.weight"]), p["e_proj.weight"].to(x.dtype))
    return a[..., None, :] + F.linear(rms(x, s.eps, p["hnorm.weight"]), p["h_proj.weight"].to(x.dtype))


def one_row(x):
    """[B, L, ...] -> [1, B L, ...]: what looks at single tokens has one shape, and is compiled once."""
    return x.reshape(1, -1, *x.shape[2:])


class Mini:
    """Parameters and the order in which the functions above are called. `wrap` may compile them."""

    def __init__(self, s, parameters, tables, dtype, wrap=None):
        self.s, self.p, self.tables, self.dtype = s, parameters, tables, dtype
        self.wrap = wrap or (lambda f, key: f)
        self.by_layer = {}
        for name in parameters:
            head = name.split(".")
            if head[0] in ("layers", "mtp"):
                prefix = ".".join(head[:2]) + "."
                self.by_layer.setdefault(prefix, {})[name[len(prefix):]] = name

    def layer_parameters(self, prefix, fp4):
        out = {k: self.p[v] for k, v in self.by_layer[prefix].items()}
        if fp4:
            for n in ("w1", "w2", "w3"):
                out[f"ffn.experts.{n}"] = round_fp4(out[f"ffn.experts.{n}"])
        return out

    def run_layer(self, prefix, x, ratio, ids, doc, turns, simulate, sparse, teach, fp4):
        s, p = self.s, self.layer_parameters(prefix, fp4)
        ap = {k: v for k, v in p.items() if k.startswith(("attn.", "attn_", "hc_attn_"))}
        fp = {k: v for k, v in p.items() if k.startswith(("ffn.", "ffn_", "hc_ffn_"))}
        cos, sin = turns[1 if ratio else 0]
        length = x.shape[1]
        sparse, teach = sparse and ratio == 4, teach and ratio == 4
        f = self.wrap(attention_site, ("attn", ratio, length, sparse, teach))
        x, loss = f(s, x, ap, ratio, doc, cos, sin, simulate, sparse, teach)
        table = self.tables.get(prefix + "ffn.gate.tid2eid")
        f = self.wrap(expert_site, ("ffn", table is not None))
        y, load = f(s, one_row(x), fp, one_row(ids), table)
        return y.view(x.shape), loss, load

    def trunk(self, ids, doc, turns, *, simulate=True, sparse=False, teach=False, fp4=False):
        """-> (streams, [indexer losses], {layer: loads})."""
        s = self.s
        e = F.embedding(ids, self.p["embed.weight"]).to(self.dtype)
        x = e[:, :, None, :].expand(-1, -1, s.streams, -1).contiguous()
        losses, loads = [], {}
        for i, ratio in enumerate(s.ratios):
            x, loss, load = self.run_layer(f"layers.{i}.", x, ratio, ids, doc, turns, simulate, sparse, teach, fp4)
            if loss is not None:
                losses.append(loss)
            loads[f"layers.{i}."] = load
        return x, losses, loads

    def head_parameters(self, p=""):
        return (self.p[p + "hc_head_fn"], self.p[p + "hc_head_base"], self.p[p + "hc_head_scale"],
                self.p[p + "norm.weight"], self.p["head.weight"])

    def mtp_streams(self, x, ids, doc, turns, *, simulate=True, fp4=False):
        """Streams of the draft block: row i saw token i + 1 (the last row's is made up)."""
        s = self.s
        ahead = F.embedding(torch.roll(ids, -1, 1), self.p["embed.weight"]).to(self.dtype)
        p = {k: self.p[v] for k, v in self.by_layer["mtp.0."].items()}
        joined = self.wrap(mtp_input, ("mtp",))(s, one_row(x), one_row(ahead), {
            k: p[k] for k in ("enorm.weight", "e_proj.weight", "hnorm.weight", "h_proj.weight")})
        x = joined.view(x.shape)
        x, _, load = self.run_layer("mtp.0.", x, 0, ids, doc, turns, simulate, False, False, fp4)
        return x, load

    def logits(self, ids, doc=None, **how):
        """Plain use, one row of tokens: pads to whole windows. -> ([L, V], MTP's [L - 1, V])."""
        length = ids.shape[1]
        step = math.lcm(self.s.window, *(r for r in self.s.ratios if r))
        pad = -length % step
        ids = F.pad(ids, (0, pad))
        doc = torch.zeros_like(ids) if doc is None else F.pad(doc, (0, pad))
        turns = rotations(self.s, ids.shape[1], ids.device)
        x, _, _ = self.trunk(ids, doc, turns, **how)
        own = head_logits(self.s, x, *self.head_parameters())[0, :length]
        how = {k: v for k, v in how.items() if k in ("simulate", "fp4")}
        y, _ = self.mtp_streams(x, ids, doc, turns, **how)
        draft = head_logits(self.s, y, *self.head_parameters("mtp.0."))[0, : length - 1]
        return own, draft
