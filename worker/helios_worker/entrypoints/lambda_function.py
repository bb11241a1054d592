"""What awslambdaric imports. The handler is made here, at import, so that Lambda hears of it as an init error."""

from helios_worker.entrypoints.aws_lambda import handler_from_environment

handler = handler_from_environment()
