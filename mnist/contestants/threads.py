"""The same number of threads for every library, and a GPU for none that is not told of it."""

import os

_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "NPROC",
)
"""What the libraries look at when they are imported: OpenMP's, and so PyTorch; NumPy's; Numba; TensorFlow; XLA."""


def available() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use(threads: int, gpus: bool = False) -> None:
    """Have every library that is imported from now on in this process compute on so many threads.

    It sees GPUs only if it may; then TensorFlow takes of their memory what it needs, for there may be others. Where
    the system can, the process is kept to as many cores too, since some libraries count cores and nothing else.
    """
    os.environ.update(dict.fromkeys(_VARIABLES, str(threads)), JAX_PLATFORMS="cpu", TF_FORCE_GPU_ALLOW_GROWTH="true")
    if not gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
