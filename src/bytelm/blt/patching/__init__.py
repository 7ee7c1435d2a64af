"""Where patches start: causal functions of the bytes, with a twin that goes byte by byte."""
