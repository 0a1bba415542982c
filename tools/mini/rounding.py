"""rounding: the number formats the model lives with, as differentiable functions.

    round_q8(x)    rows of the KV cache: e4m3 with a power-of-two scale for 64 channels
    round_q4(x)    indexer queries and rows: e2m1 with a power-of-two scale for 32 channels
    round_fp4(w)   routed experts as they are stored: e2m1, scale for 32 columns of a row

Each returns values that the format holds exactly. The gradient passes through as if nothing had been
rounded, so what is trained is what will be run.
"""
import torch

HAS_FLOAT8 = hasattr(torch, "float8_e4m3fn")


def ceil_power_of_two(x):
    """The smallest power of two >= x, by the bits of a positive normal float32."""
    return ((x.view(torch.int32) + 0x7FFFFF) & 0x7F800000).view(torch.float32)


def e4m3(v):
    """Nearest e4m3 value of |v| <= 448, ties to even."""
    if HAS_FLOAT8:
        return v.to(torch.float8_e4m3fn).float()
    exponent = torch.floor(torch.log2(v.abs().clamp_min(2.0 ** -9))).clamp_min(-6)
    step = torch.exp2(exponent - 3)
    return torch.round(v / step) * step


def e2m1(v):
    """Nearest e2m1 value of |v| <= 6, ties to the even code."""
    a = v.abs()
    step = torch.where(a < 2, 0.5, torch.where(a < 4, 1.0, 2.0))
    return torch.round(v / step) * step


def blocks_of(x, size):
    """[..., n] -> [..., blocks, size], the last block filled up with zeros."""
    n = x.shape[-1]
    if n % size:
        x = torch.nn.functional.pad(x, (0, size - n % size))
    return x.reshape(*x.shape[:-1], -1, size)


def through(x, rounded):
    y = x.float()
    return (y + (rounded - y).detach()).to(x.dtype)


def round_q8(x):
    b = blocks_of(x.float(), 64)
    a = b.abs().amax(-1, keepdim=True).clamp_min(1e-4)
    s = ceil_power_of_two(a * (1.0 / 448.0))
    y = e4m3((b / s).clamp(-448.0, 448.0)) * s
    return through(x, y.reshape(*x.shape[:-1], -1)[..., : x.shape[-1]])


def round_q4(x):
    b = blocks_of(x.float(), 32)
    a = b.abs().amax(-1, keepdim=True).clamp_min(6 * 2.0 ** -126)
    s = ceil_power_of_two(a * (1.0 / 6.0))
    y = e2m1((b / s).clamp(-6.0, 6.0)) * s
    return through(x, y.reshape(*x.shape[:-1], -1)[..., : x.shape[-1]])


def hadamard_matrix(n, device):
    h = torch.ones(1, 1, device=device)
    while h.shape[0] < n:
        h = torch.cat([torch.cat([h, h], 1), torch.cat([h, -h], 1)], 0)
    return h / n ** 0.5


def fp4_parts(w):
    """(codes * 1 as float, scale): of the two scales that come into question for a block, the one with less error."""
    b = blocks_of(w.float(), 32)
    a = b.abs().amax(-1, keepdim=True).clamp_min(2.0 ** -100)
    wide = ceil_power_of_two(a * (1.0 / 6.0))
    best = None
    for s in (wide, wide * 0.5):
        q = e2m1((b / s).clamp(-6.0, 6.0))
        loss = ((q * s - b) ** 2).sum(-1, keepdim=True)
        if best is None:
            best = q, s, loss
        else:
            better = loss < best[2]
            best = torch.where(better, q, best[0]), torch.where(better, s, best[1]), None
    return best[0], best[1]


def fp4_values(w):
    q, s = fp4_parts(w)
    return (q * s).reshape(w.shape)


class _Fp4(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        return fp4_values(w)

    @staticmethod
    def backward(ctx, g):
        return g


def round_fp4(w):
    return _Fp4.apply(w)
