"""Makes steepest's threads known to threadpoolctl, when the estimators are imported.

From then on ``threadpoolctl.threadpool_info`` lists them, and ``threadpoolctl.threadpool_limits`` limits them like
those of BLAS and OpenMP. It sets the same number as :func:`steepest.set_num_threads`; an estimator's own
``n_threads`` goes before it.
"""

from __future__ import annotations

import threadpoolctl

__all__: list[str] = []

# Older ones know no libraries but their own.
if hasattr(threadpoolctl, "register"):

    class _SteepestController(threadpoolctl.LibController):
        """Talks to the one extension module that holds the number of threads.

        Until threadpoolctl 3.4 a library is chosen by its file's name alone: what has not the functions is left
        alone here.
        """

        user_api = "steepest"
        internal_api = "steepest"
        filename_prefixes = ("_cpu.",)
        check_symbols = ("steepest_get_num_threads", "steepest_set_num_threads")

        def get_num_threads(self) -> int | None:
            get = getattr(self.dynlib, "steepest_get_num_threads", None)
            return None if get is None else int(get())

        def set_num_threads(self, num_threads: int) -> None:
            set_ = getattr(self.dynlib, "steepest_set_num_threads", None)
            if set_ is not None:
                set_(num_threads)

        def get_version(self) -> str:
            from steepest import __version__

            return __version__

    threadpoolctl.register(_SteepestController)
