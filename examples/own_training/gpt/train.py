"""A small GPT with gradient accumulation, for torchrun with any number of processes."""

import argparse
import pydoc_data.topics

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LambdaLR

import warmboot

CONTEXT, WIDTH, ACCUMULATE = 32, 64, 2


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)])
        self.attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x, mask):
        normed = self.norms[0](x)
        x = x + self.attention(normed, normed, normed, attn_mask=mask, need_weights=False)[0]
        return x + self.mlp(self.norms[1](x))


class GPT(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, WIDTH)
        self.places = nn.Parameter(0.02 * torch.randn(CONTEXT, WIDTH))
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(WIDTH, vocabulary)

    def forward(self, tokens):
        mask = nn.Transformer.generate_square_subsequent_mask(CONTEXT)
        x = self.tokens(tokens) + self.places
        for block in self.blocks:
            x = block(x, mask)
        return self.head(x)


def windows(text, starts):
    rows = torch.stack([text[start : start + CONTEXT + 1] for start in starts])
    return rows[:, :-1], rows[:, 1:].flatten()


def loss_of(model, batch):
    return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    dist.init_process_group("gloo")
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    raw = "".join(pydoc_data.topics.topics[key] for key in sorted(pydoc_data.topics.topics))
    letters = sorted(set(raw))
    text = torch.tensor([letters.index(letter) for letter in raw[:100_000]])
    model = DistributedDataParallel(GPT(len(letters)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    own = lambda: LambdaLR(optimizer, lambda step: 1 - step / args.steps)
    scheduler = warmboot.attach(optimizer, args.steps, otherwise=own)
    generator = torch.Generator().manual_seed(args.seed * 1000 + dist.get_rank())
    held_out = windows(text, range(90_000, 98_000, 64))

    for step in range(1, args.steps + 1):
        for _ in range(ACCUMULATE):
            starts = torch.randint(80_000, (8,), generator=generator)
            (loss_of(model, windows(text, starts)) / ACCUMULATE).backward()
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        if step % 20 == 0 or step == args.steps:
            with torch.no_grad():
                val = loss_of(model.module, held_out).item()
            if dist.get_rank() == 0:
                print(f"step {step:4d}  val {val:.4f}", flush=True)
            warmboot.report(step, val=val)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
