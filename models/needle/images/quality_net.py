"""The two networks that look at one stamp (Sec. 3.1): ResNet-18, and the plain CNN it is compared with."""

from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    """Two 3x3 convolutions and the shortcut around them (He et al. 2016, the block of ResNet-18 and -34)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Take (batch, inputs, rows, columns); give (batch, outputs, rows / stride, columns / stride)."""
        y = self.norm2(self.second(F.relu(self.norm1(self.first(x)))))
        return F.relu(y + self.shortcut(x))


class ResNet18(nn.Module):
    """The standard 18 layers: a 7x7 stem, four stages of two blocks each, mean over the image, one logit.

    Parameters
    ----------
    width : int
        Channels of the first stage, doubled from stage to stage. 64 is the standard (11 million weights);
        16 has 0.7 million.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        stem = (nn.Conv2d(1, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        stages: list[nn.Module] = []
        inputs = width
        for stage in range(4):
            outputs = width << stage
            stages += [Block(inputs, outputs, 1 if stage == 0 else 2), Block(outputs, outputs, 1)]
            inputs = outputs
        self.layers = nn.Sequential(*stem, *stages)
        self.head = nn.Linear(inputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Take stretched images (batch, 60, 60); give the logit of "good", shape (batch,)."""
        return self.head(self.layers(images[:, None]).mean((2, 3)))[:, 0]


class PlainCNN(nn.Module):
    """Two convolutions (128 and 256 channels), two max-poolings, three dense layers (the paper's baseline).

    The paper gives neither kernels nor strides; the first convolution here has stride 2, for the sake of CPUs.
    """

    def __init__(self, channels: tuple[int, int] = (128, 256), dense: tuple[int, int] = (64, 16)) -> None:
        super().__init__()
        first, second = channels
        self.layers = nn.Sequential(
            nn.Conv2d(1, first, 5, 2, 2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(first, second, 3, 1, 1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(second * 7 * 7, dense[0]),
            nn.ReLU(),
            nn.Linear(dense[0], dense[1]),
            nn.ReLU(),
            nn.Linear(dense[1], 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Take stretched images (batch, 60, 60); give the logit of "good", shape (batch,)."""
        return self.layers(images[:, None])[:, 0]


def network(kind: str, width: int) -> nn.Module:
    """`resnet18` of a width, or `cnn` with `width` and twice as many channels.

    Raises
    ------
    ValueError
        For another kind.
    """
    if kind == "resnet18":
        return ResNet18(width)
    if kind == "cnn":
        return PlainCNN((width, 2 * width))
    raise ValueError(f"no network {kind!r} for stamps: resnet18 or cnn")
