"""sinkhorn: the mixing matrices of the hyper-connections, forward and backward.

    Z [T, 4, 4] -> C = softmax over rows + eps; columns; then (rounds - 1) times rows, columns;
    "rows" divides each row by (its sum + eps), "columns" each column by (its sum + eps)

Some forty little normalisations for each token and site would be thousands of kernels in a framework
that sees them one by one; here they are one kernel each way. Going back needs no stored matrices: with
y = x / (s + eps), x is y (s + eps) again, and dx = (dy - sum(dy y)) / (s + eps); only the sums are kept.
"""
import torch

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None


def sinkhorn_plain(z, rounds, eps):
    c = torch.softmax(z, -1) + eps
    c = c / (c.sum(-2, keepdim=True) + eps)
    for _ in range(rounds - 1):
        c = c / (c.sum(-1, keepdim=True) + eps)
        c = c / (c.sum(-2, keepdim=True) + eps)
    return c


if triton is not None:

    @triton.jit
    def _forward(z_ptr, c_ptr, tokens, eps, rounds: tl.constexpr, block: tl.constexpr):
        t = tl.program_id(0) * block + tl.arange(0, block)
        at = t[:, None, None] * 16 + tl.arange(0, 4)[None, :, None] * 4 + tl.arange(0, 4)[None, None, :]
        keep = (t < tokens)[:, None, None]
        z = tl.load(z_ptr + at, mask=keep, other=0.0)
        z = tl.exp(z - tl.max(z, axis=2)[:, :, None])
        c = z / tl.sum(z, axis=2)[:, :, None] + eps
        c = c / (tl.sum(c, axis=1)[:, None, :] + eps)
        for _ in range(rounds - 1):
            c = c / (tl.sum(c, axis=2)[:, :, None] + eps)
            c = c / (tl.sum(c, axis=1)[:, None, :] + eps)
        tl.store(c_ptr + at, c, mask=keep)

    @triton.jit
    def _backward(z_ptr, dc_ptr, dz_ptr, sums_ptr, tokens, eps, rounds: tl.constexpr, block: tl.constexpr):
        t = tl.program_id(0) * block + tl.arange(0, block)
        four = tl.arange(0, 4)
        at = t[:, None, None] * 16 + four[None, :, None] * 4 + four[None, None, :]
        keep = (t < tokens)[:, None, None]
        slot = t[:, None] * (8 * rounds) + four[None, :]
        keep2 = (t < tokens)[:, None]
        z = tl.load(z_ptr + at, mask=keep, other=0.0)
        z = tl.exp(z - tl.max(z, axis=2)[:, :, None])
        p = z / tl.sum(z, axis=2)[:, :, None]
        c = p + eps
        s = tl.sum(c, axis=1) + eps
        tl.store(sums_ptr + slot, s, mask=keep2)
        c = c / s[:, None, :]
        for i in range(1, rounds):
            s = tl.sum(c, axis=2) + eps
            tl.store(sums_ptr + slot + (8 * i - 4), s, mask=keep2)
            c = c / s[:, :, None]
            s = tl.sum(c, axis=1) + eps
            tl.store(sums_ptr + slot + 8 * i, s, mask=keep2)
            c = c / s[:, None, :]
        tl.debug_barrier()
        d = tl.load(dc_ptr + at, mask=keep, other=0.0)
        for j in range(1, rounds):
            i = rounds - j
            s = tl.load(sums_ptr + slot + 8 * i, mask=keep2, other=1.0)
            d = (d - tl.sum(d * c, axis=1)[:, None, :]) / s[:, None, :]
            c = c * s[:, None, :]
            s = tl.load(sums_ptr + slot + (8 * i - 4), mask=keep2, other=1.0)
            d = (d - tl.sum(d * c, axis=2)[:, :, None]) / s[:, :, None]
            c = c * s[:, :, None]
        s = tl.load(sums_ptr + slot, mask=keep2, other=1.0)
        d = (d - tl.sum(d * c, axis=1)[:, None, :]) / s[:, None, :]
        d = p * (d - tl.sum(p * d, axis=2)[:, :, None])
        tl.store(dz_ptr + at, d, mask=keep)

    BLOCK = 64

    @torch.library.custom_op("mini::sinkhorn", mutates_args=())
    def _sinkhorn(z: torch.Tensor, rounds: int, eps: float) -> torch.Tensor:
        z = z.contiguous()
        c = torch.empty_like(z)
        n = z.numel() // 16
        _forward[(triton.cdiv(n, BLOCK),)](z, c, n, eps, rounds, BLOCK, num_warps=2)
        return c

    @_sinkhorn.register_fake
    def _(z, rounds, eps):
        return torch.empty_like(z, memory_format=torch.contiguous_format)

    @torch.library.custom_op("mini::sinkhorn_back", mutates_args=())
    def _sinkhorn_back(z: torch.Tensor, dc: torch.Tensor, rounds: int, eps: float) -> torch.Tensor:
        z, dc = z.contiguous(), dc.contiguous()
        n = z.numel() // 16
        dz = torch.empty_like(z)
        sums = torch.empty(n * 8 * rounds, device=z.device, dtype=torch.float32)
        _backward[(triton.cdiv(n, BLOCK),)](z, dc, dz, sums, n, eps, rounds, BLOCK, num_warps=2)
        return dz

    @_sinkhorn_back.register_fake
    def _(z, dc, rounds, eps):
        return torch.empty_like(z, memory_format=torch.contiguous_format)

    def _keep(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.rounds, ctx.eps = inputs[1], inputs[2]

    def _back(ctx, grad):
        return torch.ops.mini.sinkhorn_back(ctx.saved_tensors[0], grad, ctx.rounds, ctx.eps), None, None

    _sinkhorn.register_autograd(_back, setup_context=_keep)


def sinkhorn(z, rounds, eps):
    """z float32 [..., 4, 4]."""
    if triton is not None and z.is_cuda:
        return torch.ops.mini.sinkhorn(z, rounds, eps)
    return sinkhorn_plain(z, rounds, eps)
