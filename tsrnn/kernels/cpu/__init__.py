"""The engine on the CPU: SIMD vectors, matrix products, the network over a tile of windows."""
