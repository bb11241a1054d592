"""How each execution target starts a worker. All of them go through WorkerRuntime.process."""
