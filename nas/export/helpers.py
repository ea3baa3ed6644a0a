"""Small modules that torch has not, as they are written into an exported file that needs them."""

CHAIN = '''
def chain(**steps: nn.Module) -> nn.Sequential:
    """The steps one after the other, under their names."""
    return nn.Sequential(OrderedDict(steps))
'''

GLOBAL_AVERAGE = '''
class GlobalAverage(nn.Module):
    """The mean of each channel: n×c×h×w becomes n×c."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))
'''

GLOBAL_MAX = '''
class GlobalMax(nn.Module):
    """The maximum of each channel: n×c×h×w becomes n×c."""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax((2, 3))
'''

PADDED_AVERAGE = '''
class PaddedAverage(nn.Module):
    """Average pooling over uneven padding that is left out of the divisor."""

    def __init__(self, padding: tuple[int, int, int, int], pool: nn.AvgPool2d) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d(padding)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.pad(x)) / self.pool(self.pad(torch.ones_like(x[:1, :1])))
'''

UNIT_LENGTH = '''
class UnitLength(nn.Module):
    """Each vector divided by its Euclidean length."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.normalize(x)
'''

CHANNEL_AFFINE = '''
class ChannelAffine(nn.Module):
    """x · scale + shift, with constants."""

    def __init__(self, scale: tuple[float, ...], shift: tuple[float, ...]) -> None:
        super().__init__()
        scale_, shift_ = (torch.tensor(each).view(-1, 1, 1) for each in (scale, shift))
        self.register_buffer("scale", scale_, persistent=False)
        self.register_buffer("shift", shift_, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift
'''

WITHOUT_GAMMA = '''
def without_gamma(norm: nn.Module) -> nn.Module:
    """The norm with a bias alone; its scale stays 1."""
    norm.weight = None
    return norm
'''
