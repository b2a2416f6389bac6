"""The engine, one idea at a time: lessons to walk through, each a plain script, and a museum of classic mistakes."""
