"""A detector-style loop: finds one square in a noisy image; batches warm up, epochs step."""

import argparse

import torch
from torch import nn
from torch.nn import functional as F

from warmboot import CosineAnnealingWarmbootingLR

BATCHES = 10


def images_and_boxes(count, generator):
    corners = torch.randint(0, 24, (count, 2), generator=generator)
    images = 0.3 * torch.randn(count, 1, 32, 32, generator=generator)
    for image, (top, left) in zip(images, corners.tolist(), strict=True):
        image[0, top : top + 8, left : left + 8] += 1.0
    return images, torch.cat([corners, corners + 8], dim=1) / 32


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    held_out = images_and_boxes(256, torch.Generator().manual_seed(12345))
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(32 * 64, 4)),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = CosineAnnealingWarmbootingLR(
        optimizer, epochs=args.epochs, steps=[5], step_scale=0.5, batchs=BATCHES, warmup_epoch=1
    )

    for epoch in range(args.epochs):
        for _ in range(BATCHES):
            scheduler.step_batch()
            images, boxes = images_and_boxes(32, generator)
            loss = F.smooth_l1_loss(model(images), boxes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
        with torch.no_grad():
            val = F.l1_loss(model(held_out[0]), held_out[1]).item()
        print(f"epoch {epoch:2d}  lr {optimizer.param_groups[0]['lr']:.4f}  val {val:.4f}", flush=True)


if __name__ == "__main__":
    main()
