"""The RenderJob and RenderTarget API as data; the layer below all others."""
