"""Terminals, whatever protocol carries them: the screen, what is typed, and the guard before Enter."""
