"""Networks go to ONNX, Keras and PyTorch and compute there what they do here; weights come back bit for bit."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

import nets
from nets import checkpoint, exchange
from tests.nets.exchange_cases import CASES, check_equal, computed, examples, made, numbers, relative

ROOT = Path(__file__).parents[2]
BOUND = {np.float32: 1e-5, np.float64: 1e-12}


@pytest.fixture(scope="module")
def keras(tf):
    return pytest.importorskip("keras", reason="Keras is not installed")


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture(scope="module")
def onnxruntime():
    pytest.importorskip("onnx", reason="onnx is not installed")
    return pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


def in_keras(x):
    """Images as Keras has them."""
    return np.moveaxis(x, 1, -1) if x.ndim == 4 else x


def in_our_order(x):
    return np.moveaxis(x, -1, 1) if x.ndim == 4 else x


# ── ONNX ────────────────────────────────────────────────────────────────────────────────────────────────


def by_onnxruntime(onnxruntime, path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"x": x})[0]


@pytest.mark.parametrize("case", CASES)
def test_onnxruntime_computes_what_the_engine_does_for_any_batch(onnxruntime, tmp_path, case):
    model, shape = made(case)
    exchange.save_onnx(model, tmp_path / "m.onnx", shape)
    for count in (1, 40):
        x = examples(shape, count=count)
        assert relative(by_onnxruntime(onnxruntime, tmp_path / "m.onnx", x), computed(model, x)) < 1e-5


def test_onnx_keeps_float64(onnxruntime, tmp_path):
    model, shape = made("tanh", np.float64)
    exchange.save_onnx(model, tmp_path / "m.onnx")
    x = examples(shape, np.float64)
    assert relative(by_onnxruntime(onnxruntime, tmp_path / "m.onnx", x), computed(model, x)) < 1e-12


def test_an_onnx_file_tells_its_axes_its_layers_and_what_it_is_given_to_say(onnxruntime, tmp_path):
    import onnx

    model, _ = made("lenet")
    exchange.save_onnx(model, tmp_path / "m.onnx", metadata={"run": "001"})
    read = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(read, full_check=True)
    x, logits = read.graph.input[0], read.graph.output[0]
    sides = [[d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in (x, logits)]
    assert (x.name, logits.name, sides) == ("x", "logits", [["batch", 100], ["batch", 4]])
    assert {p.key: p.value for p in read.metadata_props} == {"run": "001"}
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in read.graph.initializer}
    np.testing.assert_array_equal(constants["layers.1.weight"], model[1].weight.data)
    assert "Dropout" not in {node.op_type for node in read.graph.node}


# ── PyTorch ─────────────────────────────────────────────────────────────────────────────────────────────


def by_torch(torch, path, x):
    with torch.inference_mode():
        return runpy.run_path(str(path.with_suffix(".py")))["load"]()(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize(
    ("case", "dtype"),
    [(case, np.float32) for case in CASES] + [(case, np.float64) for case in CASES if case != "nothing but dropout"],
)
def test_pytorch_computes_what_the_engine_does(torch, tmp_path, case, dtype):
    model, shape = made(case, dtype)
    exchange.save_torch(model, tmp_path / "m.safetensors", shape)
    x = examples(shape, dtype)
    assert relative(by_torch(torch, tmp_path / "m.safetensors", x), computed(model, x)) < BOUND[dtype]


@pytest.mark.parametrize("case", CASES)
def test_weights_come_back_from_pytorchs_file_bit_for_bit(tmp_path, case):
    model, shape = made(case)
    exchange.save_torch(model, tmp_path / "m.safetensors", shape)
    twin, _ = made(case, seed=5)
    exchange.load_torch(twin, tmp_path / "m.safetensors")
    check_equal(model, twin)


@pytest.mark.parametrize("case", ["lenet", "one of each"])
def test_weights_come_back_from_a_module_and_from_its_state_dict(torch, tmp_path, case):
    model, shape = made(case)
    exchange.save_torch(model, tmp_path / "m.safetensors", shape)
    there = runpy.run_path(str(tmp_path / "m.py"))["load"]()
    for source in (there, there.state_dict(), {name: t.numpy() for name, t in there.state_dict().items()}):
        twin, _ = made(case, seed=5)
        exchange.load_torch(twin, source)
        check_equal(model, twin)


def test_the_weights_of_a_module_written_in_pytorch_are_taken(torch):
    torch.manual_seed(0)
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 3, padding=1)
            self.norm = nn.BatchNorm2d(4)
            self.head = nn.Sequential(nn.Flatten(), nn.Linear(100, 7), nn.ReLU(), nn.Linear(7, 3))

        def forward(self, x):
            return self.head(nn.functional.relu(self.norm(self.conv(x))))

    class Ours(nets.Module):
        def __init__(self, rng):
            self.conv, self.norm = nets.Conv2d(1, 4, 3, padding=1, rng=rng), nets.BatchNorm2d(4)
            linear = [nets.Linear(100, 7, rng=rng), nets.ReLU(), nets.Linear(7, 3, rng=rng)]
            self.head = nets.Sequential(nets.Flatten(), *linear)

        def forward(self, x):
            return self.head(nets.ReLU()(self.norm(self.conv(x))))

    theirs, ours = Net(), Ours(np.random.default_rng(0))
    for _ in range(3):
        theirs(torch.randn(8, 1, 5, 5))
    exchange.load_torch(ours, theirs.eval())
    x = examples((1, 5, 5))
    with torch.inference_mode():
        assert relative(ours.eval()(x).data, theirs(torch.from_numpy(x)).numpy()) < 1e-5


def test_training_goes_on_in_pytorch_as_it_would_here(torch, tmp_path):
    model, shape = made("cnn")
    exchange.save_torch(model, tmp_path / "m.safetensors", shape)
    there = runpy.run_path(str(tmp_path / "m.py"))["load"]().train()
    model.train()
    x, y = examples(shape), np.arange(40) % 3
    optimizer = nets.SGD(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        nets.cross_entropy(model(x), y).backward()
        optimizer.step()
        there.zero_grad()
        torch.nn.functional.cross_entropy(there(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        with torch.no_grad():  # torch.optim imports Triton, which a process that has TensorFlow's LLVM does not survive
            for parameter in there.parameters():
                parameter -= 0.01 * parameter.grad
    twin, _ = made("cnn", seed=5)
    exchange.load_torch(twin, there)
    for name, array in numbers(model).items():
        assert relative(twin.state_dict()[name], array) < 1e-4, name


def test_the_state_dict_has_pytorchs_names_shapes_and_counts(tmp_path):
    model, shape = made("one of each")
    exchange.save_torch(model, tmp_path / "m.safetensors", shape, {"run": "001"})
    with safe_open(tmp_path / "m.safetensors", framework="numpy") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
        assert file.metadata() == {"run": "001", "format": "pt"}
        assert file.get_tensor("1.num_batches_tracked") == 0
    assert shapes["8.weight"] == [6, 16]
    assert shapes["14.0.weight"] == [5, 6]
    assert shapes["0.weight"] == [4, 1, 3, 3]
    assert not any(name.startswith(("12.", "layers.")) for name in shapes)


def test_the_module_is_what_one_would_write(tmp_path):
    model, _ = made("lenet")
    exchange.save_torch(model, tmp_path / "m.safetensors")
    text = (tmp_path / "m.py").read_text()
    assert "nn.Conv2d(1, 3, 5, padding=2),\n" in text
    assert "nn.Linear(36, 8),\n" in text
    assert "It takes examples (100,)" in text


def test_a_python_file_that_is_anothers_is_left_alone(tmp_path):
    model, _ = made("relu")
    (tmp_path / "m.py").write_text("print('mine')")
    with pytest.raises(OSError, match=r"m\.py is there"):
        exchange.save_torch(model, tmp_path / "m.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["m.py"]
    exchange.save_torch(model, tmp_path / "n.safetensors")
    exchange.save_torch(model, tmp_path / "n.safetensors")  # over its own


# ── Keras ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def in_a_file(keras, tmp_path_factory):
    """Each case as a .keras file, written once."""
    written = {}

    def write(case):
        if case not in written:
            model, shape = made(case)
            written[case] = tmp_path_factory.mktemp("keras") / "m.keras"
            exchange.save_keras(model, written[case], shape)
        return written[case]

    return write


@pytest.mark.parametrize("case", CASES)
def test_keras_computes_what_the_engine_does(keras, in_a_file, case):
    model, shape = made(case)
    x = examples(shape)
    there = keras.saving.load_model(in_a_file(case))
    assert relative(in_our_order(there(in_keras(x)).numpy()), computed(model, x)) < 1e-5


def test_keras_keeps_float64(keras, tmp_path):
    model, shape = made("cnn", np.float64)
    exchange.save_keras(model, tmp_path / "m.keras", shape)
    x = examples(shape, np.float64)
    assert relative(keras.saving.load_model(tmp_path / "m.keras")(x).numpy(), computed(model, x)) < 1e-12


@pytest.mark.parametrize("case", CASES)
def test_weights_come_back_from_keras_file_bit_for_bit(in_a_file, case):
    model, shape = made(case)
    twin, _ = made(case, seed=5)
    exchange.load_keras(twin, in_a_file(case), shape)
    check_equal(model, twin)


@pytest.mark.parametrize("case", ["lenet", "one of each", "rows of images, normalised"])
def test_weights_come_back_from_a_keras_model_and_from_its_weights(keras, in_a_file, tmp_path, case):
    model, shape = made(case)
    there = keras.saving.load_model(in_a_file(case))
    there.save_weights(tmp_path / "m.weights.h5")
    for source in (there, there.get_weights(), str(tmp_path / "m.weights.h5")):
        twin, _ = made(case, seed=5)
        exchange.load_keras(twin, source, shape)
        check_equal(model, twin)


def test_the_weights_of_a_model_written_and_trained_in_keras_are_taken(keras, tmp_path):
    keras.utils.set_random_seed(0)
    make = keras.layers
    theirs = keras.Sequential([
        keras.Input((6, 6, 2)), make.Conv2D(4, 3, padding="same", use_bias=False, name="first"),
        make.BatchNormalization(epsilon=1e-3), make.Activation("relu"), make.MaxPooling2D(), make.Flatten(),
        make.Dropout(0.2), make.Dense(7, activation="relu"), make.Dense(3, name="logits"),
    ])  # fmt: skip
    theirs.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = examples((2, 6, 6))
    theirs.fit(in_keras(x), np.arange(40) % 3, epochs=2, verbose=0)
    theirs.save(tmp_path / "m.keras")
    rng = np.random.default_rng(0)
    ours = nets.Sequential(
        nets.Conv2d(2, 4, 3, padding=1, bias=False, rng=rng), nets.BatchNorm2d(4, eps=1e-3), nets.ReLU(),
        nets.MaxPool2d(2), nets.Flatten(), nets.MLP([36, 7, 3], rng=rng),
    )  # fmt: skip
    exchange.load_keras(ours, tmp_path / "m.keras", (2, 6, 6))
    assert relative(ours.eval()(x).data, theirs(in_keras(x)).numpy()) < 1e-5


def test_the_layers_that_keras_is_given_are_those_that_one_would_write(keras, in_a_file):
    there = keras.saving.load_model(in_a_file("cnn"))
    names = [type(layer).__name__ for layer in there.layers]
    assert names == [
        "InputLayer", "Reshape", "Permute", "Conv2D", "BatchNormalization", "ReLU", "AveragePooling2D", "Flatten",
        "Dense",
    ]  # fmt: skip
    assert there.layers[3].padding == "same"
    assert there.layers[4].momentum == pytest.approx(0.9)  # the share of the old, as ours is that of the new
    names = [type(layer).__name__ for layer in keras.saving.load_model(in_a_file("lenet")).layers]
    assert "Permute" not in names


# ── both ────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_number_is_too_odd_to_come_back(torch, keras):
    odd = np.array([np.nan, -0.0, np.inf, -np.inf, 1e-45, 3.4e38], np.float32)
    odd[0] = np.uint32(0x7FC12345).view(np.float32)  # a NaN with a number of its own
    model = nets.Linear(6, 1, rng=np.random.default_rng(0))
    exchange.load_torch(model, {"weight": odd[None], "bias": odd[:1]})
    assert model.weight.data.tobytes() == odd.tobytes()
    exchange.load_keras(model, [odd[::-1, None], odd[1:2]])
    assert model.weight.data.tobytes() == odd[::-1].tobytes()


def test_narrower_numbers_become_wider_and_wider_ones_are_refused():
    model = nets.Linear(2, 1, rng=np.random.default_rng(0))
    half = np.array([[0.1, 0.2]], np.float16)
    exchange.load_torch(model, {"weight": half, "bias": half[0, :1]})
    np.testing.assert_array_equal(model.weight.data.T, half)
    before = model.state_dict()
    for bad in (np.float64, np.int64, np.uint8, bool, complex, object, "U3"):
        with pytest.raises(ValueError, match="cannot hold the same numbers"):
            exchange.load_torch(model, {"weight": half.astype(bad), "bias": half[0, :1]})
        with pytest.raises(ValueError, match=r"array 1 is of .*, and bias of float32"):
            exchange.load_keras(model, [half.T, half[0, :1].astype(bad)])
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_names_and_shapes_that_do_not_fit_are_told_apart():
    model, _ = made("relu")
    before = model.state_dict()
    good = {"0.weight": (6, 7), "0.bias": (6,), "2.weight": (5, 6), "2.bias": (5,), "4.weight": (4, 5), "4.bias": (4,)}
    state = {name: np.ones(shape, np.float32) for name, shape in good.items()}
    with pytest.raises(ValueError, match=r"^2\.weight has shape \(6, 5\), but layers\.2\.weight, \(6, 5\) here, has "):
        exchange.load_torch(model, {**state, "2.weight": state["2.weight"].T})
    with pytest.raises(ValueError, match=r"missing are \['4\.bias'\], unknown \['4\.extra'\]"):
        exchange.load_torch(model, {("4.extra" if name == "4.bias" else name): a for name, a in state.items()})
    weights = [np.ones(array.shape, np.float32) for array in before.values()]
    with pytest.raises(ValueError, match=r"array 2 has shape \(5, 6\), but layers\.2\.weight, \(6, 5\) here, has \(6"):
        exchange.load_keras(model, [a.T if i == 2 else a for i, a in enumerate(weights)])
    with pytest.raises(ValueError, match=r"there are 5 arrays, but the network has 6: layers\.0\.weight \(7, 6\)"):
        exchange.load_keras(model, weights[:5])
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("save", [exchange.save_onnx, exchange.save_keras, exchange.save_torch])
def test_what_cannot_be_written_is_refused_before_anything_is(tmp_path, save):
    class Mine(nets.Module):
        pass

    conv = nets.Conv2d(1, 1, 3, rng=np.random.default_rng(0))
    for layers, error, message in (
        ([nets.ReLU(), Mine()], TypeError, "Mine, which other libraries do not know"),
        ([conv], ValueError, r"its first layer, Conv2d.*give input_shape, that of one, such as \(1, 28, 28\)"),
        ([nets.Unflatten(1, (2, 3)), nets.Flatten(0)], ValueError, "mixes examples"),
        ([], ValueError, "it has no layers"),
    ):
        path = tmp_path / ("m.keras" if save is exchange.save_keras else "m.safetensors")
        with pytest.raises(error, match=message):
            save(nets.Sequential(*layers), path)
    assert list(tmp_path.iterdir()) == []


def test_a_network_in_training_is_in_training_afterwards_with_the_same_statistics(tmp_path):
    model, shape = made("cnn")
    model.train()
    before = model.state_dict()
    exchange.save_torch(model, tmp_path / "m.safetensors", shape)
    assert all(module.training for module in model.modules())
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


# ── NumPy ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case", ["relu", "one of each"])
def test_an_npz_holds_all_that_it_takes_to_make_the_network_again(tmp_path, case):
    model, shape = made(case)
    exchange.save_npz(model, tmp_path / "m.npz", {"run": "001"})
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        state = {name: file[name] for name in file.files}
    assert json.loads(state.pop("metadata").item()) == {"run": "001"}
    twin = checkpoint.build(json.loads(state.pop("architecture").item()), state, nets.Module).eval()
    check_equal(model, twin)
    np.testing.assert_array_equal(twin(examples(shape)).data, model(examples(shape)).data)
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]


# ── without the libraries ───────────────────────────────────────────────────────────────────────────────

WITHOUT = """
import sys
from pathlib import Path

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"keras", "tensorflow", "torch", "onnx", "h5py"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
import numpy as np, nets
from nets import exchange
model, path = nets.MLP([3, 2], rng=np.random.default_rng(0)), Path(sys.argv[1])
exchange.save_torch(model, path / "m.safetensors")
exchange.load_torch(model, path / "m.safetensors")
exchange.load_keras(model, list(model.state_dict().values()))
exchange.save_npz(model, path / "m.npz")
for save, needed in ((exchange.save_onnx, "onnx"), (exchange.save_keras, "keras")):
    try:
        save(model, path / "m")
    except ImportError as error:
        assert error.name == needed
    else:
        raise AssertionError(save)
"""


def test_each_format_needs_its_own_library_alone(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, tmp_path],
        cwd=ROOT, env={**os.environ, "AUTODIFF_KERNELS": "numpy"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.npz", "m.py", "m.safetensors"]
