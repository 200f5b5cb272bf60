"""The layers by PyTorch's submodules: the classes of `steep.nn`, under the paths PyTorch has."""

# Written by tools/make_stubs.py from here on, from the files of this folder.
from steep.nn.modules import (
    activation,
    adaptive,
    batchnorm,
    channelshuffle,
    container,
    conv,
    distance,
    dropout,
    flatten,
    fold,
    instancenorm,
    lazy,
    linear,
    loss,
    module,
    multihead,
    normalization,
    padding,
    pixelshuffle,
    pooling,
    rnn,
    sparse,
    transformer,
    upsampling,
    utils,
)
from steep.nn.modules.activation import *
from steep.nn.modules.adaptive import *
from steep.nn.modules.batchnorm import *
from steep.nn.modules.channelshuffle import *
from steep.nn.modules.container import *
from steep.nn.modules.conv import *
from steep.nn.modules.distance import *
from steep.nn.modules.dropout import *
from steep.nn.modules.flatten import *
from steep.nn.modules.fold import *
from steep.nn.modules.instancenorm import *
from steep.nn.modules.lazy import *
from steep.nn.modules.linear import *
from steep.nn.modules.loss import *
from steep.nn.modules.module import *
from steep.nn.modules.multihead import *
from steep.nn.modules.normalization import *
from steep.nn.modules.padding import *
from steep.nn.modules.pixelshuffle import *
from steep.nn.modules.pooling import *
from steep.nn.modules.rnn import *
from steep.nn.modules.sparse import *
from steep.nn.modules.transformer import *
from steep.nn.modules.upsampling import *
from steep.nn.modules.utils import *

__all__ = [
    *activation.__all__,
    *adaptive.__all__,
    *batchnorm.__all__,
    *channelshuffle.__all__,
    *container.__all__,
    *conv.__all__,
    *distance.__all__,
    *dropout.__all__,
    *flatten.__all__,
    *fold.__all__,
    *instancenorm.__all__,
    *lazy.__all__,
    *linear.__all__,
    *loss.__all__,
    *module.__all__,
    *multihead.__all__,
    *normalization.__all__,
    *padding.__all__,
    *pixelshuffle.__all__,
    *pooling.__all__,
    *rnn.__all__,
    *sparse.__all__,
    *transformer.__all__,
    *upsampling.__all__,
    *utils.__all__,
]
