"""How good a texture network is: its pictures against real textures that it never saw."""
