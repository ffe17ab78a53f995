"""Ordinary PyTorch with a schedule that Warmboot exported: python train.py schedule.json"""

import sys

import torch

import warmboot

file = warmboot.read(sys.argv[1])
total_steps = file.horizon.total_steps if file.horizon else 1000

torch.manual_seed(0)
inputs, weights = torch.randn(4096, 32), torch.randn(32, 1) / 4
targets = (inputs @ weights).sin() + 0.1 * torch.randn(4096, 1)
model = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)  # the peak lr stays yours
scheduler = warmboot.WarmbootLR(optimizer, file.schedule, total_steps=total_steps)

for step in range(total_steps):
    batch = torch.randint(len(inputs), (64,))
    loss = torch.nn.functional.mse_loss(model(inputs[batch]), targets[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % (total_steps // 5) == 0 or step == total_steps - 1:
        print(f"step {step:5d}  lr {scheduler.get_last_lr()[0]:.5f}  loss {loss.item():.4f}")
