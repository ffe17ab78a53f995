"""A small made-up folder in the format of CIFAR-10's Python version: python make_data.py FOLDER"""

import pickle
import sys
from pathlib import Path

import numpy as np

rng = np.random.default_rng(0)
patterns = np.kron(rng.normal(size=(10, 3, 4, 4)), np.ones((8, 8)))
folder = Path(sys.argv[1])
folder.mkdir(exist_ok=True)
for name, count in (("data_batch_1", 1024), ("test_batch", 512)):
    labels = rng.integers(10, size=count)
    shifts = rng.integers(-3, 4, size=(count, 2))
    images = [np.roll(patterns[k], tuple(s), (1, 2)) for k, s in zip(labels, shifts, strict=True)]
    noisy = 128 + 20 * np.stack(images) + 40 * rng.normal(size=(count, 3, 32, 32))
    batch = {b"data": noisy.clip(0, 255).astype(np.uint8).reshape(count, -1), b"labels": labels.tolist()}
    with open(folder / name, "wb") as file:
        pickle.dump(batch, file)
