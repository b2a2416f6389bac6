"""A network in other libraries: written as they read it, and their weights read back.

    exchange.save_onnx(model, Path("model.onnx"))
    exchange.save_keras(model, Path("model.keras"))
    exchange.save_torch(model, Path("model.safetensors"))      # and model.py, the network in PyTorch
    exchange.save_npz(model, Path("model.npz"))

    exchange.load_keras(model, Path("model.keras"))            # or a Keras model, or its get_weights()
    exchange.load_torch(model, Path("model.safetensors"))      # or a PyTorch module, or its state_dict()

Each format has a file of its own, which says how arrays lie there. Nothing here reads a pickle, and nothing that a file
holds is executed. The libraries are imported when they are needed: to write Keras' files needs Keras, to read them
h5py; to write ONNX's needs onnx; PyTorch's need neither.
"""

from nets.exchange.keras_files import load_keras
from nets.exchange.keras_models import save_keras
from nets.exchange.npz import save_npz
from nets.exchange.onnx_models import save_onnx
from nets.exchange.torch_modules import load_torch, save_torch

__all__ = ["load_keras", "load_torch", "save_keras", "save_npz", "save_onnx", "save_torch"]
