#!/usr/bin/env python3
"""All 10,000 CIFAR-10 test images as the models want them: float32, NCHW.

  cifar10.py cifar10-test.npz IMAGES.npy LABELS.npy [--normalize]

The archive holds x (uint8, NHWC) and y (int64). --normalize: x / 255, minus the
ImageNet mean, divided by its deviation, in float32. Needs only the standard library.
"""

import array
import sys
import zipfile

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
PIXELS = 32 * 32


def f32(value):
    return array.array("f", [value])[0]


def channel_table(channel, normalize):
    """The float of each of the 256 bytes; rounded to float32 at every step."""
    if not normalize:
        return [float(byte) for byte in range(256)]
    mean, deviation = f32(MEAN[channel]), f32(DEVIATION[channel])
    return [f32(f32(f32(byte / 255.0) - mean) / deviation) for byte in range(256)]


def npy_header(shape):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def main():
    archive, images, labels = sys.argv[1:4]
    tables = [channel_table(c, "--normalize" in sys.argv) for c in range(3)]
    with zipfile.ZipFile(archive) as source:
        with open(labels, "wb") as out:
            out.write(source.read("y.npy"))
        pixels = source.read("x.npy")
    pixels = memoryview(pixels)[10 + int.from_bytes(pixels[8:10], "little"):]
    count = len(pixels) // (3 * PIXELS)
    with open(images, "wb") as out:
        out.write(npy_header((count, 3, 32, 32)))
        for start in range(0, len(pixels), 3 * PIXELS):
            image = bytes(pixels[start:start + 3 * PIXELS])
            for channel, table in enumerate(tables):
                array.array("f", map(table.__getitem__, image[channel::3])).tofile(out)


if __name__ == "__main__":
    main()
