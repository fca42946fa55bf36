"""make_npz.py FILE NAME=SHAPE:FILL... [--stored] - writes an .npz, or an .npy, of f32.

SHAPE is like 8x2x4x4. FILL is `ramp` (values in -1..1 that differ from sample
to sample), a number for all elements, or `ramp,I=V`: element I replaced by V.
A SHAPE that begins with `f64:`, `i64:`, `i8_:` or `u8_:` changes the element type.
"""
import io
import struct
import sys
import zipfile


def encode(shape, fill, kind):
    count = 1
    for size in shape:
        count *= size
    parts = fill.split(",")
    if parts[0] == "ramp":
        values = [((i * 37) % 101 - 50) / 50.0 for i in range(count)]
    else:
        values = [float(parts[0])] * count
    for part in parts[1:]:
        index, value = part.split("=")
        values[int(index)] = float(value)
    descr, letter = {"f32": ("<f4", "f"), "f64": ("<f8", "d"), "i64": ("<i8", "q"),
                     "i8_": ("|i1", "b"), "u8_": ("|u1", "B")}[kind]
    if kind == "i64":
        values = [int(value) for value in values]
    if kind == "i8_":
        values = [int(value * 100) for value in values]
    if kind == "u8_":
        values = [int(value * 50) % 256 for value in values]
    dims = ", ".join(str(size) for size in shape) + ("," if len(shape) == 1 else "")
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (descr, dims)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) +
            header.encode() + struct.pack("<%d%s" % (count, letter), *values))


def main():
    path, arrays, method = sys.argv[1], [], zipfile.ZIP_DEFLATED
    for argument in sys.argv[2:]:
        if argument == "--stored":
            method = zipfile.ZIP_STORED
            continue
        name, rest = argument.split("=", 1)
        kind = "f32"
        if rest[:4] in ("f64:", "i64:", "f32:", "i8_:", "u8_:"):
            kind, rest = rest[:3], rest[4:]
        shape, fill = rest.split(":", 1)
        sizes = [int(size) for size in shape.split("x")]
        arrays.append((name, encode(sizes, fill, kind)))
    if path.endswith(".npy"):
        with open(path, "wb") as file:
            file.write(arrays[0][1])
        return
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in arrays:
            archive.writestr(zipfile.ZipInfo(name + ".npy"), data)


main()
