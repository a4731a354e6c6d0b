from steepest._core_api import *  # noqa: F403
