# cython: boundscheck=False, wraparound=False
"""Functions for minimize in machine code, as a user would write them, and some that misbehave."""

from libc.stdint cimport intptr_t
from posix.unistd cimport usleep


cdef api double rosenbrock(int n, const double *x, double *gradient, void *user_data) noexcept nogil:
    cdef double short_of = 1 - x[0], off_valley = x[1] - x[0] * x[0]
    gradient[0] = -400 * x[0] * off_valley - 2 * short_of
    gradient[1] = 200 * off_valley
    return 100 * off_valley * off_valley + short_of * short_of


cdef api double rosenbrock_without_data(intptr_t n, double *x, double *gradient) noexcept nogil:
    return rosenbrock(<int>n, x, gradient, NULL)


# sum of (x - c)^2, where user_data are the n centres
cdef api double bowl(Py_ssize_t n, const double *x, double *gradient, void *user_data) noexcept nogil:
    cdef const double *centre = <const double *>user_data
    cdef double value = 0
    cdef Py_ssize_t i
    for i in range(n):
        gradient[i] = 2 * (x[i] - centre[i])
        value += (x[i] - centre[i]) * (x[i] - centre[i])
    return value


# x^2 / 2; says in user_data[0] that it was called, and returns when user_data[1] is not 0
cdef api double waits(int n, const double *x, double *gradient, void *user_data) noexcept nogil:
    cdef double *flags = <double *>user_data
    flags[0] = 1
    while flags[1] == 0:
        usleep(100)
    gradient[0] = x[0]
    return x[0] * x[0] / 2


# x^2 / 2 until user_data[0] calls were made, then it raises
cdef api double raises(int n, const double *x, double *gradient, void *user_data) except? -1 nogil:
    cdef double *left = <double *>user_data
    if left[0] == 0:
        with gil:
            raise ValueError("from the compiled function")
    left[0] -= 1
    gradient[0] = x[0]
    return x[0] * x[0] / 2


# -1 is a value like others
cdef api double minus_one(int n, const double *x, double *gradient, void *user_data) except? -1 nogil:
    gradient[0] = 1
    return -1


# The signature of another kind of callback, and of another type.
cdef api double wrong_order(const double *x, double *gradient, int n, void *user_data) noexcept nogil:
    return 0


cdef api float single(int n, const float *x, float *gradient, void *user_data) noexcept nogil:
    return 0


cdef api double value_only(int n, double *x, void *user_data) noexcept nogil:
    return 0
