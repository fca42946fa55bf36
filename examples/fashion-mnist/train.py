#!/usr/bin/env python3
"""Trains the demo model and writes model.onnx, calib.npz, test.npz and labels.npy.

Developer-only: the files it writes are in the repository. Needs PyTorch and
NumPy (Debian: python3-torch, python3-numpy) and the images of Debian's
dataset-fashion-mnist. Seeded; takes about half an hour with Debian's PyTorch.

  ./train.py [--epochs 14] [--data /usr/share/datasets/fashion-mnist] [--out .]
"""

import argparse
import gzip
import pathlib
import sys

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F


class SeparableBlock(nn.Module):
    """Depthwise 3x3 with stride 2, then a pointwise convolution."""

    def __init__(self, channels, out_channels):
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels, channels, 3, stride=2, padding=1, groups=channels, bias=False)
        self.depthwise_bn = nn.BatchNorm2d(channels)
        self.pointwise = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.pointwise_bn = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        x = F.relu(self.depthwise_bn(self.depthwise(x)))
        return F.relu(self.pointwise_bn(self.pointwise(x)))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + x)


class FashionNet(nn.Module):
    """Ordinary, depthwise and residual blocks; 28x28 grey in, 10 logits out."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(16)
        self.down1 = SeparableBlock(16, 32)
        self.residual1 = ResidualBlock(32)
        self.down2 = SeparableBlock(32, 64)
        self.residual2 = ResidualBlock(64)
        self.classifier = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.stem_bn(self.stem(x)))
        x = self.residual1(self.down1(x))
        x = self.residual2(self.down2(x))
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def read_idx(path):
    """Images (N, 28, 28) or labels (N,) from a gzipped IDX file."""
    with gzip.open(path) as file:
        data = file.read()
    rank = data[3]
    shape = np.frombuffer(data, ">u4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def to_input(images):
    """uint8 (N, 28, 28) to float32 (N, 1, 28, 28) in [0, 1]."""
    return (images.astype(np.float32) / np.float32(255))[:, None]


def augment(images, generator):
    """Mirrors half of a batch and shifts every image by up to two pixels."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    padded = F.pad(images, (2, 2, 2, 2))
    dy, dx = torch.randint(0, 5, (2,), generator=generator).tolist()
    return padded[:, :, dy:dy + 28, dx:dx + 28]


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        hits = [(model(x).argmax(1) == y).sum().item()
                for x, y in zip(images.split(500), labels.split(500))]
    return sum(hits) / len(labels)


def train(model, images, labels, test_images, test_labels, epochs):
    generator = torch.Generator().manual_seed(1)
    batch = 128
    steps = epochs * (len(images) // batch)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=steps)
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(len(images), generator=generator)
        for start in range(0, len(images) - batch + 1, batch):
            index = order[start:start + batch]
            loss = F.cross_entropy(model(augment(images[index], generator)), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        top1 = accuracy(model, test_images, test_labels)
        print(f"epoch {epoch + 1}/{epochs}: loss {loss.item():.3f}, test top-1 {top1:.2%}",
              flush=True)


def export(model, out):
    model.eval()
    torch.onnx.export(
        model, torch.zeros(1, 1, 28, 28), str(out / "model.onnx"), opset_version=13,
        input_names=["image"], output_names=["logits"], do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--data", type=pathlib.Path,
                        default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    args = parser.parse_args()
    if not args.data.is_dir():
        sys.exit(f"{args.data} is missing: apt-get install dataset-fashion-mnist")

    torch.manual_seed(0)
    train_images = read_idx(args.data / "train-images-idx3-ubyte.gz")
    train_labels = read_idx(args.data / "train-labels-idx1-ubyte.gz")
    test_images = read_idx(args.data / "t10k-images-idx3-ubyte.gz")
    test_labels = read_idx(args.data / "t10k-labels-idx1-ubyte.gz")

    model = FashionNet()
    print(f"{sum(p.numel() for p in model.parameters())} parameters")
    train(model, torch.from_numpy(to_input(train_images)),
          torch.from_numpy(train_labels.astype(np.int64)),
          torch.from_numpy(to_input(test_images)),
          torch.from_numpy(test_labels.astype(np.int64)), args.epochs)
    export(model, args.out)

    # Samples for calibration come from the training set, never from the test set.
    chosen = np.random.default_rng(0).choice(len(train_images), 200, replace=False)
    np.savez_compressed(args.out / "calib.npz", image=to_input(train_images[chosen]))
    np.savez_compressed(args.out / "test.npz", image=to_input(test_images[:1000]))
    np.save(args.out / "labels.npy", test_labels[:1000].astype(np.int64))


if __name__ == "__main__":
    main()
