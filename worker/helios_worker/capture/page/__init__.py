"""One page under the virtual clock, sought from frame to frame; what it waits for and complains of."""
