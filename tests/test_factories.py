"""Making tensors: sizes, and the keywords that every maker takes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import steep

X = steep.tensor([[1.0, 2.0]])
MAKERS = {
    "zeros": lambda **k: steep.zeros(2, **k),
    "ones": lambda **k: steep.ones((2,), **k),
    "empty": lambda **k: steep.empty(2, **k),
    "full": lambda **k: steep.full((2,), 1.0, **k),
    "arange": lambda **k: steep.arange(3.0, **k),
    "linspace": lambda **k: steep.linspace(0, 1, 3, **k),
    "eye": lambda **k: steep.eye(2, **k),
    "rand": lambda **k: steep.rand(2, **k),
    "randn": lambda **k: steep.randn(2, **k),
    "normal": lambda **k: steep.normal(0.0, 1.0, (2,), **k),
    "zeros_like": lambda **k: steep.zeros_like(X, **k),
    "ones_like": lambda **k: steep.ones_like(X, **k),
    "empty_like": lambda **k: steep.empty_like(X, **k),
    "full_like": lambda **k: steep.full_like(X, 1.0, **k),
    "rand_like": lambda **k: steep.rand_like(X, **k),
    "randn_like": lambda **k: steep.randn_like(X, **k),
    "new_zeros": lambda **k: X.new_zeros(2, **k),
    "new_ones": lambda **k: X.new_ones(2, **k),
    "new_empty": lambda **k: X.new_empty(2, **k),
    "new_full": lambda **k: X.new_full((2,), 1.0, **k),
    "new_tensor": lambda **k: X.new_tensor([1.0], **k),
}
LIKES = [name for name in MAKERS if name.endswith("_like")]


@pytest.mark.parametrize("name", MAKERS)
def test_takes_what_pytorch_takes(name: str) -> None:
    made = MAKERS[name](
        dtype=steep.float64,
        device=steep.device("cpu"),
        requires_grad=True,
        layout=steep.strided,
        pin_memory=False,
    )
    assert made.dtype == steep.float64
    assert made.requires_grad
    assert made.is_leaf
    assert made.layout is steep.strided


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"device": "cuda"}, "'cpu', the only one there is"),
        ({"device": steep.device("cuda", 1)}, "got 'cuda:1'"),
        ({"layout": steep.sparse_coo}, "steep.strided, the only one there is"),
        ({"pin_memory": True}, "pin_memory=False"),
    ],
    ids=["device", "device-object", "layout", "pin_memory"],
)
def test_refuses_what_is_not_here(name: str, keywords: dict, text: str) -> None:
    with pytest.raises(RuntimeError, match=text):
        MAKERS[name](**keywords)


def test_integers_require_no_gradient() -> None:
    with pytest.raises(RuntimeError, match="floating"):
        steep.tensor([1]).new_zeros(2, requires_grad=True)


def test_sizes_come_one_by_one_or_together() -> None:
    x = steep.tensor([1])
    for made in (x.new_zeros(2, 3), x.new_zeros((2, 3)), x.new_ones(2, 3), x.new_empty([2, 3])):
        assert tuple(made.shape) == (2, 3)
        assert made.dtype == steep.int64
    with pytest.raises(TypeError, match="size"):
        x.new_zeros("2")


@pytest.mark.parametrize("name", LIKES)
def test_order_of_memory(name: str) -> None:
    turned = steep.rand(2, 3).t()
    function = getattr(steep, name)
    more = (1.0,) if name == "full_like" else ()
    for format, strides in (
        (None, (1, 3)),
        (steep.preserve_format, (1, 3)),
        (steep.contiguous_format, (2, 1)),
    ):
        made = function(turned, *more, memory_format=format)
        assert made.stride() == strides
        assert tuple(made.shape) == (3, 2)
    with pytest.raises(RuntimeError, match="4 dimensions for channels_last"):
        function(turned, *more, memory_format=steep.channels_last)
    images = steep.rand(2, 3, 4, 5)
    assert function(images, *more, memory_format=steep.channels_last).stride() == (60, 1, 15, 3)
    with pytest.raises(TypeError, match="memory_format"):
        function(turned, *more, memory_format="contiguous_format")


def test_copies_in_an_order() -> None:
    turned = steep.rand(2, 3).t()
    assert turned.clone().stride() == (1, 3)
    copy = turned.clone(memory_format=steep.contiguous_format)
    assert copy.stride() == (2, 1)
    assert steep.equal(copy, turned)
    straight = steep.rand(2)
    again = straight.clone(memory_format=steep.contiguous_format)
    assert again.data_ptr() != straight.data_ptr()
    assert turned.contiguous(memory_format=steep.contiguous_format).is_contiguous()
    assert turned.to(memory_format=steep.contiguous_format).is_contiguous()
    with pytest.raises(RuntimeError, match="4 dimensions for channels_last"):
        turned.contiguous(memory_format=steep.channels_last)


@pytest.mark.parametrize(
    ("shape", "format", "strides"),
    [
        ((2, 3, 4, 5), steep.channels_last, (60, 1, 15, 3)),
        ((2, 3, 2, 4, 5), steep.channels_last_3d, (120, 1, 60, 15, 3)),
    ],
)
def test_images_with_their_channels_innermost(shape, format, strides):
    images = steep.rand(*shape, requires_grad=True)
    made = images.to(memory_format=format)
    assert made.stride() == strides
    assert made.is_contiguous(memory_format=format)
    assert steep.equal(made, images)
    (made * 2).sum().backward()
    assert (images.grad == 2).all()
    assert made.contiguous(memory_format=format) is made
    assert made.to(memory_format=format) is made
    again = made.clone(memory_format=format)
    assert again.stride() == strides
    assert again.data_ptr() != made.data_ptr()
    assert images.contiguous(memory_format=format).stride() == strides
    assert images.to(steep.float64, memory_format=format).stride() == strides
    assert steep.empty(shape, memory_format=format).stride() == strides
    assert made.to(memory_format=steep.contiguous_format).is_contiguous()


def test_layers_take_such_images():
    layer = steep.nn.Sequential(steep.nn.Conv2d(3, 4, 3), steep.nn.BatchNorm2d(4), steep.nn.ReLU())
    images = steep.rand(2, 3, 6, 6)
    turned = images.to(memory_format=steep.channels_last)
    steep.testing.assert_close(layer(turned), layer(images))
    compiled = steep.compile(lambda x: x.to(memory_format=steep.channels_last) * 2)
    for _ in range(4):
        assert steep.equal(compiled(images), images * 2)


def test_is_contiguous_in_an_order() -> None:
    image = steep.zeros(2, 3, 4, 5)
    assert image.is_contiguous(memory_format=steep.contiguous_format)
    assert not image.is_contiguous(memory_format=steep.channels_last)
    last = steep.zeros(2, 4, 5, 3).permute(0, 3, 1, 2)
    assert last.is_contiguous(memory_format=steep.channels_last)
    assert not steep.zeros(3).is_contiguous(memory_format=steep.channels_last)


def test_copy_in_an_order_is_differentiated() -> None:
    x = steep.rand(2, 3, requires_grad=True)
    (x.t().clone(memory_format=steep.contiguous_format) * 2).sum().backward()
    assert x.grad.tolist() == [[2.0] * 3] * 2


def test_format_objects() -> None:
    assert repr(steep.strided) == "steep.strided"
    assert repr(steep.contiguous_format) == "steep.contiguous_format"
    assert pickle.loads(pickle.dumps(steep.preserve_format)) is steep.preserve_format
    assert isinstance(steep.strided, steep.layout)
    assert isinstance(steep.channels_last, steep.memory_format)


# ---- devices -----------------------------------------------------------------------------------


def test_any_device_can_be_named() -> None:
    assert str(steep.device("cpu:0")) == "cpu:0"
    assert repr(steep.device("cpu")) == "device(type='cpu')"
    cuda = steep.device("cuda", 1)
    assert str(cuda) == "cuda:1"
    assert repr(cuda) == "device(type='cuda', index=1)"
    assert (cuda.type, cuda.index) == ("cuda", 1)
    assert steep.device(type="cuda", index=1) == cuda
    assert hash(steep.device("cuda:1")) == hash(cuda)
    assert cuda != steep.device("cuda")
    assert steep.device("cpu") != steep.device("cpu:0")
    assert steep.device(cuda) == cuda
    assert pickle.loads(pickle.dumps(cuda)) == cuda
    assert steep.zeros(1, device="cpu:0").device == steep.device("cpu")


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:01"])
def test_what_names_no_device(name: str) -> None:
    with pytest.raises(RuntimeError, match="the name of a device"):
        steep.device(name)


def test_an_index_is_given_once() -> None:
    with pytest.raises(RuntimeError, match="one index"):
        steep.device("cuda:0", 1)
    with pytest.raises(TypeError, match="a device or its name"):
        steep.device(3.5)


def test_a_tensor_goes_to_no_other_device() -> None:
    for device in ("cuda", steep.device("cuda"), steep.device("meta")):
        with pytest.raises(RuntimeError, match="the only one there is"):
            steep.ones(1).to(device)


# ---- arrays of NumPy's other types ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "widened"),
    [("int8", "int32"), ("int16", "int32"), ("uint16", "int32"), ("float16", "float32")],
)
@pytest.mark.parametrize("maker", [steep.tensor, steep.as_tensor, steep.from_numpy])
def test_small_types_are_widened(kind: str, widened: str, maker) -> None:
    if kind == "float16":
        every = np.arange(65536, dtype=np.uint16).view(np.float16)
    else:
        info = np.iinfo(kind)
        every = np.arange(info.min, info.max + 1).astype(kind)
    got = maker(every)
    assert got.dtype == getattr(steep, widened)
    np.testing.assert_array_equal(got.numpy(), every.astype(widened))
    picked = every.reshape(2, -1)[:, ::-2]
    np.testing.assert_array_equal(maker(picked).numpy(), picked.astype(widened))
    assert tuple(maker(every[:0]).shape) == (0,)
    every[0] = 1  # it was copied
    assert got[0].item() != 1


def test_small_types_inside_of_other_data() -> None:
    halves = np.array([0.5, 1.5], np.float16)
    assert steep.tensor([halves, halves]).dtype == steep.float32
    assert steep.tensor(halves, dtype=steep.float64).tolist() == [0.5, 1.5]
    assert steep.tensor([1.0, 2.0])[np.array([1, 0], np.int8)].tolist() == [2.0, 1.0]
    with pytest.raises(TypeError, match="dtype complex64"):
        steep.from_numpy(np.zeros(2, np.complex64))
    with pytest.raises(TypeError, match="got dtype >i2"):
        steep.tensor(np.zeros(2, ">i2"))
