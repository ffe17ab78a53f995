"""A small ResNet with BatchNorm and autocast, on a folder in CIFAR-10's format."""

import argparse
import pickle
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR

import warmboot


def load(folder, prefix):
    paths = sorted(Path(folder).glob(prefix))
    batches = [pickle.loads(path.read_bytes(), encoding="bytes") for path in paths]
    images = torch.cat([torch.tensor(batch[b"data"]) for batch in batches]).view(-1, 3, 32, 32)
    labels = torch.cat([torch.tensor(batch[b"labels"]) for batch in batches])
    return (images.float() - 128) / 64, labels


class Block(nn.Module):
    def __init__(self, channels_in, channels):
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels, 3, stride=2, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)
        self.shortcut = nn.Conv2d(channels_in, channels, 1, stride=2, bias=False)

    def forward(self, x):
        hidden = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(hidden)) + self.shortcut(x))


def evaluate(model, images, labels):
    model.eval()
    with torch.no_grad():
        loss = F.cross_entropy(model(images), labels).item()
    model.train()
    return loss


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="cifar")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wd", type=float, default=5e-4)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images, labels = (part.to(device) for part in load(args.data, "data_batch_*"))
    test_images, test_labels = (part.to(device) for part in load(args.data, "test_batch"))
    model = nn.Sequential(
        Block(3, 8), Block(8, 16), Block(16, 32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)
    ).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=args.wd)
    own = lambda: CosineAnnealingLR(optimizer, args.steps)
    scheduler = warmboot.attach(optimizer, args.steps, otherwise=own)
    warmboot.report(0, val=evaluate(model, test_images, test_labels))

    for step in range(1, args.steps + 1):
        batch = torch.randint(len(images), (64,), device=device)
        with torch.autocast(device, torch.bfloat16):
            loss = F.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % 20 == 0 or step == args.steps:
            val = evaluate(model, test_images, test_labels)
            print(f"step {step:4d}  loss {loss.item():.4f}  val {val:.4f}", flush=True)
            warmboot.report(step, val=val)


if __name__ == "__main__":
    main()
