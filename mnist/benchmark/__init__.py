"""What a training step costs, here and in other libraries, side by side: `python -m mnist.benchmark`."""
