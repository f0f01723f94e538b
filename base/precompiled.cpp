// The object of the precompiled header.
