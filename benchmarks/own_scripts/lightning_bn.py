"""A small convolutional network with BatchNorm under Lightning, on scikit-learn's digits, by epochs."""

import argparse

import lightning as L
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

import warmboot

EPOCHS = 12


class Net(L.LightningModule):
    def __init__(self, make_scheduler):
        super().__init__()
        self.make_scheduler = make_scheduler
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)),
        )

    def training_step(self, batch, index):
        return F.cross_entropy(self.layers(batch[0]), batch[1])

    def validation_step(self, batch, index):
        self.log("val_loss", F.cross_entropy(self.layers(batch[0]), batch[1]))

    def test_step(self, batch, index):
        self.log("test_loss", F.cross_entropy(self.layers(batch[0]), batch[1]))

    def on_validation_epoch_end(self):
        # The sanity check before the training reports step 0, the end of fit the last step.
        if self.trainer.global_step < self.trainer.estimated_stepping_batches:
            warmboot.report(self.trainer.global_step, val=self.trainer.callback_metrics["val_loss"])

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
        scheduler = self.make_scheduler(optimizer, self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def loaders():
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
    labels = torch.tensor(data.target)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    sets = [TensorDataset(images[part], labels[part]) for part in order.split([600, 500, 697])]
    return (
        DataLoader(sets[0], batch_size=32, shuffle=True, drop_last=True),
        DataLoader(sets[1], batch_size=500),
        DataLoader(sets[2], batch_size=697),
    )


def fit(seed, epochs, make_scheduler):
    L.seed_everything(seed, verbose=False)
    train_loader, val_loader, test_loader = loaders()
    model = Net(make_scheduler)
    trainer = L.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, train_loader, val_loader)
    val = trainer.callback_metrics["val_loss"].item()
    test = trainer.test(model, test_loader, verbose=False)[0]["test_loss"]
    warmboot.report(epochs * len(train_loader), val=val, test=test)
    return val, test


def train(schedule, seed):
    """Validation and test loss of one training with a schedule, in this process."""

    def make_scheduler(optimizer, total_steps):
        optimizer.param_groups[0]["lr"] = schedule.lr
        return warmboot.WarmbootLR(optimizer, schedule, total_steps=total_steps)

    return fit(seed, EPOCHS, make_scheduler)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    def make_scheduler(optimizer, total_steps):
        def own():
            return OneCycleLR(optimizer, max_lr=0.1, total_steps=total_steps)

        return warmboot.attach(optimizer, total_steps, otherwise=own)

    val, test = fit(args.seed, args.epochs, make_scheduler)
    print(f"val {val:.6f}  test {test:.6f}")


if __name__ == "__main__":
    main()
