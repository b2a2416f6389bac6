"""Memory goes to other libraries and comes from them by DLPack: the same memory, where the other side allows."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import Tensor

DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]
LAYOUTS = {
    "contiguous": lambda a: a,
    "transposed": lambda a: a.T,
    "strided": lambda a: a[::2, 1:],
    "reversed": lambda a: a[::-1, ::-1],
    "broadcast": lambda a: np.broadcast_to(a[0], (3, *a[0].shape)),
    "Fortran": np.asfortranarray,
    "one number": lambda a: a[1, 2],
    "scalar": lambda a: a[1, 2, ...],
    "empty": lambda a: a[:0],
}


def numbers(dtype="float64", shape=(4, 6)):
    return np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype)


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture
def jax():
    module = pytest.importorskip("jax", reason="JAX is not installed")
    module.config.update("jax_enable_x64", True)
    yield module
    module.config.update("jax_enable_x64", False)


def same_memory(a, b):
    """Whether two arrays begin at the same byte and go on by the same strides."""
    return a.__array_interface__["data"][0] == b.__array_interface__["data"][0] and a.strides == b.strides


# ── NumPy, which every other library is understood through ──────────────────────────────────────────────


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_is_given_the_very_memory_and_gives_it_back(dtype, layout):
    array = np.asarray(LAYOUTS[layout](numbers(dtype)))
    t = Tensor(array)
    view = np.from_dlpack(t)
    assert view.dtype == dtype
    assert same_memory(view, array)
    back = ad.from_dlpack(view)
    assert type(back) is Tensor
    assert same_memory(back.data, array)
    assert (back.shape, back.dtype) == (array.shape, array.dtype)
    assert (back.requires_grad, back.grad, back.node) == (False, None, None)


def test_what_one_side_writes_the_other_sees():
    t = Tensor(numbers())
    view = np.from_dlpack(t)
    view[0, 0] = -1.0
    assert t.data[0, 0] == -1.0
    t.data[1, 1] = -2.0
    assert view[1, 1] == -2.0


def test_memory_outlives_the_tensor_that_it_came_from():
    view = np.from_dlpack(Tensor(np.full(1000, 7.0)))
    there = ad.from_dlpack(np.full(1000, 8.0))
    np.full(1000, 9.0)
    assert (view == 7.0).all()
    assert (there.data == 8.0).all()


def test_a_tensor_that_came_in_is_differentiated_like_any_other():
    array = numbers()
    x = ad.from_dlpack(array)
    x.requires_grad = True
    ad.sum(x * x).backward()
    np.testing.assert_array_equal(x.grad.data, 2 * array)


@pytest.mark.parametrize("kernels", ["forward", "backward"])
def test_read_only_memory_comes_in_and_goes_out_read_only(kernels):
    array = numbers("float32")
    array.flags.writeable = False
    t = ad.from_dlpack(array)
    assert same_memory(t.data, array)
    with pytest.raises(ValueError, match="read-only"):
        t.data[0, 0] = 1.0
    assert not np.from_dlpack(t).flags.writeable
    with pytest.raises(BufferError, match="readonly"):
        t.__dlpack__()  # as one asks who knows the first version alone, in which it cannot be said
    if kernels == "forward":
        np.testing.assert_array_equal(ad.relu(t @ t.mT).data, np.maximum(array @ array.T, 0))
    else:
        t.requires_grad = True
        ad.sum(ad.relu(t @ np.ones((6, 2), np.float32))).backward()
        np.testing.assert_array_equal(t.grad.data, np.full((4, 6), 2.0))


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("recorded", [lambda x: x, lambda x: x * 2], ids=["leaf", "result"])
def test_a_recorded_tensor_is_not_handed_over_and_says_how(recorded):
    t = recorded(Tensor(numbers(), requires_grad=True, name="W"))
    with pytest.raises(BufferError, match=r"float64\(4, 6\) is not recorded.*t\.detach\(\)"):
        np.from_dlpack(t)
    assert same_memory(np.from_dlpack(t.detach()), t.data)


def test_a_tensor_lies_on_the_cpu_and_is_handed_over_there_alone():
    t = Tensor(numbers())
    assert t.__dlpack_device__() == (1, 0)
    assert same_memory(np.from_dlpack(t, device="cpu"), t.data)
    with pytest.raises(BufferError):
        t.__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match="stream=1 is for the memory of a GPU"):
        t.__dlpack__(stream=1)


@pytest.mark.parametrize("copy", [True, False])
def test_a_copy_is_made_if_and_only_if_one_is_asked_for(copy):
    t = Tensor(numbers())
    assert same_memory(np.from_dlpack(t, copy=copy), t.data) is not copy
    assert same_memory(ad.from_dlpack(t, copy=copy).data, t.data) is not copy
    np.testing.assert_array_equal(np.from_dlpack(t, copy=copy), t.data)


def test_the_version_is_negotiated():
    t = Tensor(numbers())
    assert '"dltensor"' in repr(t.__dlpack__())
    assert '"dltensor_versioned"' in repr(t.__dlpack__(max_version=(1, 0)))


class Elsewhere:
    """An array in the memory of a GPU, which brings its numbers along if it is asked to."""

    def __init__(self, kind):
        self.kind = kind

    def __dlpack__(self, *, dl_device=None, **how):
        assert dl_device == (1, 0), "the numbers are not here"
        return numbers().__dlpack__(**how)

    def __dlpack_device__(self):
        return self.kind, 3


@pytest.mark.parametrize(("kind", "name"), [(2, "a CUDA GPU"), (10, "a ROCm GPU"), (99, "a device of kind 99")])
def test_the_memory_of_a_gpu_is_refused_unless_it_is_brought_here(kind, name):
    with pytest.raises(BufferError, match=rf"that of {name}, number 3,.*x\.cpu\(\) in PyTorch"):
        ad.from_dlpack(Elsewhere(kind))
    np.testing.assert_array_equal(ad.from_dlpack(Elsewhere(kind), device="cpu").data, numbers())


@pytest.mark.parametrize("x", [1.0, [1.0, 2.0], "text", None])
def test_what_has_no_dlpack_is_pointed_to_tensor(x):
    with pytest.raises(TypeError, match=rf"{type(x).__name__} has no __dlpack__; ad\.Tensor"):
        ad.from_dlpack(x)


def test_numbers_that_no_tensor_can_have_are_refused():
    with pytest.raises(TypeError, match="complex128"):
        ad.from_dlpack(np.ones(3, complex))


def test_a_compiled_function_does_not_hand_over_what_would_stay_that_of_its_first_call():
    with pytest.raises(ad.TraceError, match="__dlpack__"):
        ad.jit(lambda x: x * np.from_dlpack(x).sum())(np.ones(3))


def test_what_an_alias_writes_between_the_passes_is_noticed_within_anomaly():
    x = Tensor(numbers(), requires_grad=True)
    with ad.anomaly():
        loss = ad.sum(x * x)
        np.from_dlpack(x.detach())[0, 0] += 1.0
        with pytest.raises(ad.GradientError):
            loss.backward()


# ── PyTorch, JAX and TensorFlow ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("layout", sorted(LAYOUTS.keys() - {"reversed"}))  # PyTorch has no negative strides
@pytest.mark.parametrize("dtype", DTYPES)
def test_pytorch_shares_the_memory_both_ways(torch, dtype, layout):
    array = np.asarray(LAYOUTS[layout](numbers(dtype)))
    array = array if array.flags.writeable else array.copy()
    there = torch.from_dlpack(Tensor(array))
    assert there.dtype == getattr(torch, dtype)
    if array.size:
        assert there.data_ptr() == array.__array_interface__["data"][0]
    np.testing.assert_array_equal(there.numpy(), array)
    back = ad.from_dlpack(there)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back.data, array)
    if array.size:
        back.data[...] = 1 - back.data
        np.testing.assert_array_equal(there.numpy(), array)  # which has changed as well


def test_pytorch_trains_on_in_the_memory_of_a_parameter(torch):
    w = Tensor(np.ones(3), requires_grad=True)
    there = torch.from_dlpack(w.detach())
    there -= 0.5
    np.testing.assert_array_equal(w.data, [0.5] * 3)


def test_pytorch_hands_over_nothing_that_it_records(torch):
    with pytest.raises((BufferError, RuntimeError), match="detach"):
        ad.from_dlpack(torch.ones(3, requires_grad=True))
    with pytest.raises(BufferError, match="detach"):
        torch.from_dlpack(Tensor(np.ones(3), requires_grad=True))


@pytest.mark.parametrize("layout", ["contiguous", "scalar", "empty"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_jax_takes_and_gives_every_kind_of_number(jax, dtype, layout):
    array = np.asarray(LAYOUTS[layout](numbers(dtype)))
    there = jax.dlpack.from_dlpack(Tensor(array))
    assert there.dtype == dtype
    np.testing.assert_array_equal(np.asarray(there), array)
    back = ad.from_dlpack(there)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back.data, array)
    assert not back.data.flags.writeable


def test_jax_shares_memory_that_is_aligned_for_it_both_ways(jax):
    room = np.zeros(1024 + 64, np.uint8)
    start = -room.ctypes.data % 64
    array = room[start : start + 1024].view(np.float64)
    there = jax.dlpack.from_dlpack(Tensor(array))
    assert there.unsafe_buffer_pointer() == array.ctypes.data
    assert ad.from_dlpack(there).data.ctypes.data == array.ctypes.data


@pytest.mark.parametrize("layout", ["contiguous", "scalar"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensorflow_shares_the_memory_by_capsules(tf, dtype, layout):
    array = np.asarray(LAYOUTS[layout](numbers(dtype)))
    with tf.device("/CPU:0"):
        there = tf.experimental.dlpack.from_dlpack(Tensor(array).__dlpack__())
        assert there.dtype.name == dtype
        np.testing.assert_array_equal(there.numpy(), array)
        array[...] = 1 - array
        np.testing.assert_array_equal(there.numpy(), array)
        back = ad.from_dlpack(tf.experimental.dlpack.to_dlpack(there))
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert same_memory(back.data, array)


def test_a_capsule_is_taken_once(tf):
    with tf.device("/CPU:0"):
        capsule = tf.experimental.dlpack.to_dlpack(tf.constant([1.0, 2.0]))
    assert ad.from_dlpack(capsule).tolist() == [1.0, 2.0]
    with pytest.raises(ValueError):
        ad.from_dlpack(capsule)
