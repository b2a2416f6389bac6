"""The same training by hand, by this engine and by other libraries, side by side: `python -m mnist.compare`."""
