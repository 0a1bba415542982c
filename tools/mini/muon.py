"""muon: momentum whose matrices are made orthogonal before they are applied.

Matrices of one shape are stepped as one batch: five Newton-Schulz rounds of batched products in bf16 for
some hundred matrices at once. A stack of experts is so many matrices. What is no matrix, and the
embedding and the head, belong to AdamW.
"""
import torch


def orthogonal(g, rounds=5):
    """[N, r, c] -> the nearest matrices with singular values near 1."""
    x = g.to(torch.bfloat16 if g.is_cuda else torch.float32)
    wide = x.shape[-2] > x.shape[-1]
    if wide:
        x = x.transpose(-1, -2)
    x = x / (x.flatten(-2).norm(dim=-1)[:, None, None] + 1e-7)
    for _ in range(rounds):
        a = x @ x.transpose(-1, -2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
    return (x.transpose(-1, -2) if wide else x).to(g.dtype)


class Muon:
    def __init__(self, parameters, momentum=0.95, decay=0.0):
        self.groups, self.momentum, self.decay = {}, momentum, decay
        for p in parameters:
            self.groups.setdefault(tuple(p.shape[-2:]), []).append(p)
        self.heaps = {shape: torch.zeros(sum(p.numel() // (shape[0] * shape[1]) for p in ps), *shape,
                                         device=ps[0].device) for shape, ps in self.groups.items()}

    @torch.no_grad()
    def step(self, lr):
        for shape, ps in self.groups.items():
            g = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1, *shape) for p in ps])
            heap = self.heaps[shape]
            heap.lerp_(g, 1 - self.momentum)
            u = orthogonal(g.lerp(heap, self.momentum))
            u *= -lr * max(1.0, shape[0] / shape[1]) ** 0.5
            parts = u.split([p.numel() // (shape[0] * shape[1]) for p in ps])
            if self.decay:
                torch._foreach_mul_(ps, 1 - lr * self.decay)
            torch._foreach_add_(ps, [d.reshape(p.shape) for d, p in zip(parts, ps)])
