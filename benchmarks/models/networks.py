"""The networks that are generated: published topologies, random weights."""

from models.graph import Graph


def bottleneck(g, x, channels, stride=1, project=False):
    y = g.conv(x, channels, 1, act="relu")
    y = g.conv(y, channels, 3, stride=stride, act="relu")
    # A damped branch: the variance grows slowly along the shortcuts.
    y = g.conv(y, 4 * channels, 1, gain=0.3)
    if project:
        x = g.conv(x, 4 * channels, 1, stride=stride)
    return g.activation(g.add(y, x), "relu")


def resnet50(seed):
    """ResNet-50 (He et al., 2015), the variant with the stride in the 3x3."""
    g = Graph("resnet50", seed)
    x = g.conv(g.input("image", (1, 3, 224, 224)), 64, 7, stride=2, act="relu")
    x = g.max_pool(x, 3, 2)
    for blocks, channels, stride in ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)):
        for block in range(blocks):
            x = bottleneck(g, x, channels, stride if block == 0 else 1, project=block == 0)
    g.output(g.classifier(x, 1000))
    return g


def inverted_residual(g, x, channels, kernel, stride, expansion, same_upper=False):
    inside = g.shapes[x][1] * expansion
    y = g.conv(x, inside, 1, act="relu6") if expansion != 1 else x
    y = g.conv(y, inside, kernel, stride=stride, groups=inside, act="relu6",
               same_upper=same_upper)
    residual = stride == 1 and g.shapes[x][1] == channels
    y = g.conv(y, channels, 1, gain=0.5 if residual else 1.0)
    return g.add(x, y) if residual else y


def mobile(name, seed, stem, stages, head, same_upper):
    """A stem, stages (expansion, channels, blocks, stride, kernel), a head."""
    g = Graph(name, seed)
    x = g.conv(g.input("image", (1, 3, 224, 224)), stem, 3, stride=2, act="relu6",
               same_upper=same_upper)
    for expansion, channels, blocks, stride, kernel in stages:
        for block in range(blocks):
            x = inverted_residual(g, x, channels, kernel, stride if block == 0 else 1,
                                  expansion, same_upper)
    g.output(g.classifier(g.conv(x, head, 1, act="relu6"), 1000))
    return g


def mobilenetv2(seed):
    """MobileNetV2 1.0 (Sandler et al., 2018)."""
    return mobile("mobilenetv2", seed, 32, (
        (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3),
        (6, 96, 3, 1, 3), (6, 160, 3, 2, 3), (6, 320, 1, 1, 3)), 1280, same_upper=False)


def efficientnet_lite0(seed):
    """EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation, ReLU6."""
    return mobile("efficientnet_lite0", seed, 32, (
        (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3),
        (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)), 1280, same_upper=True)


def yolo(seed):
    """A detector in the manner of YOLOv8n: SiLU, split and concat, SPPF, nearest
    upsampling, three scales at 640x640. The outputs are the heads' raw maps."""
    g = Graph("yolo", seed)

    def c2f(x, channels, blocks, shortcut):
        x = g.conv(x, channels, 1, act="silu")
        parts = g.split(x, 2)
        for _ in range(blocks):
            y = g.conv(parts[-1], channels // 2, 3, act="silu")
            y = g.conv(y, channels // 2, 3, act="silu", gain=0.3 if shortcut else 1.0)
            parts.append(g.add(parts[-1], y) if shortcut else y)
        return g.conv(g.concat(parts), channels, 1, act="silu")

    def sppf(x, channels):
        parts = [g.conv(x, channels // 2, 1, act="silu")]
        for _ in range(3):
            parts.append(g.max_pool(parts[-1], 5, 1))
        return g.conv(g.concat(parts), channels, 1, act="silu", gain=0.5)

    def head(x):
        box = g.conv(g.conv(x, 64, 3, act="silu"), 64, 3, act="silu")
        cls = g.conv(g.conv(x, 80, 3, act="silu"), 80, 3, act="silu")
        g.output(g.concat([g.conv(box, 64, 1), g.conv(cls, 80, 1)]))

    x = g.conv(g.input("image", (1, 3, 640, 640)), 16, 3, stride=2, act="silu")
    x = c2f(g.conv(x, 32, 3, stride=2, act="silu"), 32, 1, True)
    p3 = c2f(g.conv(x, 64, 3, stride=2, act="silu"), 64, 2, True)
    p4 = c2f(g.conv(p3, 128, 3, stride=2, act="silu"), 128, 2, True)
    p5 = c2f(g.conv(p4, 256, 3, stride=2, act="silu"), 256, 1, True)
    p5 = sppf(p5, 256)
    n4 = c2f(g.concat([g.upsample(p5), p4]), 128, 1, False)
    n3 = c2f(g.concat([g.upsample(n4), p3]), 64, 1, False)
    m4 = c2f(g.concat([g.conv(n3, 64, 3, stride=2, act="silu"), n4]), 128, 1, False)
    m5 = c2f(g.concat([g.conv(m4, 128, 3, stride=2, act="silu"), p5]), 256, 1, False)
    for x in (n3, m4, m5):
        head(x)
    return g


NETWORKS = {f.__name__: f for f in (resnet50, mobilenetv2, efficientnet_lite0, yolo)}
