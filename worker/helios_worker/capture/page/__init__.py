"""One page under the virtual clock, moved from frame to frame; its requests, its console and its errors."""
