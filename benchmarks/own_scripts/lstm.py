"""A character LSTM with clipped gradients in a plain loop, on the text of Python's help topics."""

import argparse
import pydoc_data.topics

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR

import warmboot

CONTEXT = 32
STEPS = 140


class CharLSTM(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 48)
        self.lstm = nn.LSTM(48, 80, batch_first=True)
        self.head = nn.Linear(80, vocabulary)

    def forward(self, tokens):
        hidden, _ = self.lstm(self.embedding(tokens))
        return self.head(hidden)


def load_text():
    topics = pydoc_data.topics.topics
    raw = "".join(topics[key] for key in sorted(topics))
    letters = sorted(set(raw))
    lookup = {letter: i for i, letter in enumerate(letters)}
    text = torch.tensor([lookup[letter] for letter in raw])
    a, b = int(0.8 * len(text)), int(0.9 * len(text))
    return len(letters), text[:a], text[a:b], text[b:]


def windows(text, starts):
    rows = torch.stack([text[start : start + CONTEXT + 1] for start in starts])
    return rows[:, :-1], rows[:, 1:]


def loss_on(model, batch):
    return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())


@torch.no_grad()
def evaluate(model, batch):
    return loss_on(model, batch).item()


def fit(seed, steps, make_scheduler):
    torch.manual_seed(seed)
    vocabulary, train_text, val_text, test_text = load_text()
    val_batch = windows(val_text, range(0, len(val_text) - CONTEXT, 200))
    test_batch = windows(test_text, range(0, len(test_text) - CONTEXT, 100))
    model = CharLSTM(vocabulary)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = make_scheduler(optimizer)
    val = evaluate(model, val_batch)
    warmboot.report(0, val=val)

    for step in range(1, steps + 1):
        starts = torch.randint(len(train_text) - CONTEXT, (16,)).tolist()
        loss = loss_on(model, windows(train_text, starts))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        if step % 35 == 0 and step < steps:
            val = evaluate(model, val_batch)
            print(f"step {step:4d}  loss {loss.item():.4f}  val {val:.4f}", flush=True)
            warmboot.report(step, val=val)

    val, test = evaluate(model, val_batch), evaluate(model, test_batch)
    warmboot.report(steps, val=val, test=test)
    return val, test


def train(schedule, seed):
    """Validation and test loss of one training with a schedule, in this process."""

    def make_scheduler(optimizer):
        optimizer.param_groups[0]["lr"] = schedule.lr
        return warmboot.WarmbootLR(optimizer, schedule, total_steps=STEPS)

    return fit(seed, STEPS, make_scheduler)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    def make_scheduler(optimizer):
        def own():
            return CosineAnnealingLR(optimizer, args.steps)

        return warmboot.attach(optimizer, args.steps, otherwise=own)

    val, test = fit(args.seed, args.steps, make_scheduler)
    print(f"val {val:.6f}  test {test:.6f}")


if __name__ == "__main__":
    main()
