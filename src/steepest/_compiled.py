"""Functions in machine code, for descents that do without Python."""

from __future__ import annotations

import ctypes
import re
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest import _native
from steepest._validate import Array, check_integer, numeric_array

__all__ = ["SIGNATURE", "CompiledFunction", "is_compiled", "is_own_function"]

SIGNATURE = "double f(int n, const double *x, double *gradient, void *user_data)"
_ADVICE = (
    f"{SIGNATURE}, which returns the value and writes the gradient; user_data may be left out, and n be an int, "
    "an unsigned int or an integer of 64 bits"
)

# What n may be: C's names of it, and ctypes' own types.
_COUNTS = {
    "int": ctypes.c_int,
    "unsigned int": ctypes.c_uint,
    "unsigned": ctypes.c_uint,
    "long": ctypes.c_long,
    "unsigned long": ctypes.c_ulong,
    "long long": ctypes.c_longlong,
    "unsigned long long": ctypes.c_ulonglong,
    "size_t": ctypes.c_size_t,
    "Py_ssize_t": ctypes.c_ssize_t,
    "ssize_t": ctypes.c_ssize_t,
    "intptr_t": ctypes.c_ssize_t,
    "ptrdiff_t": ctypes.c_ssize_t,
    "npy_intp": ctypes.c_ssize_t,
    "int32_t": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
}


class CompiledFunction:
    r"""A function in machine code that gives its value and its gradient in one call.

    A descent on it runs without Python, the GIL released. The function is of the form of NLopt's
    objectives [1]_,

    .. code-block:: c

        double f(int n, const double *x, double *gradient, void *user_data);

    where ``n`` is the number of parameters, an ``int``, an ``unsigned int`` or an integer of 64
    bits; ``x`` has n of them and must not be changed; the n entries of ``gradient`` are to be
    written. ``user_data`` may be left out. The function may be called from any thread, by
    :func:`steepest.minimize_many` from several at once.

    :func:`steepest.minimize` makes such an object of everything that ``fun`` can be; the class is
    there to give a function data of its own, and to call it from Python.

    Parameters
    ----------
    fun : scipy.LowLevelCallable, numba cfunc, ctypes function, or PyCapsule
        - A LowLevelCallable, with its ``user_data``: of a Cython ``cdef`` function by
          ``LowLevelCallable.from_cython(module, "f")``, of a cffi or ctypes function. Its
          signature is checked.
        - What numba's ``@cfunc("float64(intc, CPointer(float64), CPointer(float64), voidptr)")``
          returns.
        - A ctypes function with ``argtypes`` and ``restype``; data pointers are
          ``ctypes.POINTER(ctypes.c_double)`` or ``ctypes.c_void_p``.
        - A capsule whose name is the signature, as in a Cython module's ``__pyx_capi__``.
    user_data : array, optional
        What ``user_data`` points at: an array of any type, contiguous in rows. The object keeps it;
        it isn't copied, so that its values can be changed between two descents. By default what a
        LowLevelCallable has, or else a null pointer.
    n : int, optional
        How many parameters the function has; points of any other size are refused then. By default it
        takes any number, and reads and writes as many as it is told.

    Raises
    ------
    TypeError, ValueError
        If ``fun`` is something else, or has another signature.

    Notes
    -----
    A Cython function should be ``noexcept nogil``. One that raises ends the descent, if it returns
    -1 with it, as ``except? -1`` and ``except -1`` do. A ctypes callback into Python works, and is
    slower than the Python function itself. What crashes a C program crashes the interpreter.

    With numba [2]_, and in Cython, where ``api`` or a .pxd file makes the capsule:

    .. code-block:: python

        from numba import cfunc, types

        pointer = types.CPointer(types.double)

        @cfunc(types.double(types.intc, pointer, pointer, types.voidptr))
        def bowl(n, x, gradient, user_data):
            gradient[0] = 2 * x[0]
            return x[0] * x[0]

    .. code-block:: cython

        cdef api double bowl(int n, const double *x, double *gradient, void *user_data) noexcept nogil:
            gradient[0] = 2 * x[0]
            return x[0] * x[0]

    References
    ----------
    .. [1] S. G. Johnson, *The NLopt nonlinear-optimization package*, reference of its C interface:
       ``nlopt_func``.
    .. [2] The Numba developers, *Creating C callbacks with @cfunc*.

    Examples
    --------
    >>> import steepest as st
    >>> f = st.functions.Rosenbrock().compiled()
    >>> f([-1.2, 1.0]), f.gradient([-1.2, 1.0]).round(6).tolist()
    (24.199999999999996, [-215.6, -88.0])
    """

    def __init__(self, fun: Any, user_data: Array | None = None, *, n: int | None = None) -> None:
        self.n = None if n is None else check_integer("n", n, low=1)
        address, count, takes_data, pointer = _parts(fun)
        self._kept = (fun, user_data)  # what the addresses belong to
        if user_data is not None:
            if not isinstance(user_data, np.ndarray) or not user_data.flags.c_contiguous:
                raise TypeError(
                    "user_data must be an array that is contiguous in rows, but is "
                    f"{type(user_data).__name__}"
                )
            if user_data.dtype.hasobject:
                raise TypeError("user_data must be an array of numbers, but has dtype object")
            if not takes_data:
                raise ValueError(
                    f"user_data was given, but fun doesn't take it; it must be {SIGNATURE}"
                )
            if pointer:
                raise ValueError("user_data was given twice: the LowLevelCallable has it already")
            pointer = user_data.ctypes.data
        self.core_form = (address, count, takes_data, pointer)  # what the core calls

    def value_and_gradient(self, x: ArrayLike) -> tuple[float, Array]:
        """Return the value and the gradient, by one call.

        Parameters
        ----------
        x : array
            The point, of any shape; the function sees its entries in the order of rows.

        Returns
        -------
        float, and array of the shape of x

        Raises
        ------
        TypeError, ValueError
            If x isn't an array of real numbers, or not of ``n`` of them.
        """
        self.check_size("x", np.size(x))
        point = np.ascontiguousarray(numeric_array("x", x), dtype=np.float64)
        point = point.reshape(np.shape(x))
        value, gradient = _native.core.value_and_gradient(self.core_form, point)
        return value, gradient

    def __call__(self, x: ArrayLike) -> float:
        """Return the value at a point of any shape."""
        return self.value_and_gradient(x)[0]

    def gradient(self, x: ArrayLike) -> Array:
        """Return the gradient at a point, of its shape."""
        return self.value_and_gradient(x)[1]

    def check_size(self, name: str, size: int) -> None:
        """Raise unless this is the number of parameters, or that is not known."""
        if self.n is not None and size != self.n:
            raise ValueError(f"{name} must have {self.n} entries for {self!r}, but has {size}")

    def __repr__(self) -> str:
        return f"CompiledFunction({self._kept[0]!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a CompiledFunction is an address in this process, and can't be pickled")


def is_compiled(fun: Any) -> bool:
    """Return whether this is of one of the kinds that CompiledFunction takes, or one already."""
    return isinstance(fun, CompiledFunction) or _kind(fun) is not None


def is_own_function(fun: Any) -> bool:
    """Return whether this is one of steepest.functions, and no subclass of one."""
    return type(fun).__module__.startswith("steepest.functions.")


def _kind(function: Any) -> str | None:
    name = type(function).__name__
    if name == "PyCapsule":
        return "capsule"
    if isinstance(function, ctypes._CFuncPtr):  # type: ignore[attr-defined]
        return "ctypes"
    module = type(function).__module__
    if name == "LowLevelCallable" and module.startswith("scipy."):
        return "LowLevelCallable"
    if name == "CFunc" and module.startswith("numba."):
        return "numba"
    return None


def _parts(function: Any) -> tuple[int, str, bool, int]:
    """Return address, type of n, whether it takes data, and their address."""
    kind = _kind(function)
    if kind == "LowLevelCallable":
        # Its first entry is a capsule that has the signature and, as its context, the data.
        return _parts_of_capsule(tuple.__getitem__(function, 0))
    if kind == "capsule":
        return _parts_of_capsule(function)
    if kind == "numba":
        return _parts_of_ctypes(function.ctypes)
    if kind == "ctypes":
        return _parts_of_ctypes(function)
    raise TypeError(
        "fun must be a scipy.LowLevelCallable, a numba cfunc, a ctypes function or a capsule, but is "
        f"{function!r}"
    )


def _parts_of_capsule(capsule: Any) -> tuple[int, str, bool, int]:
    signature, address, context = _native.core.capsule_contents(capsule)
    if not signature:
        raise ValueError(f"fun has no signature; it must be {_ADVICE}")
    count, takes_data = _read_signature(signature)
    return address, count, takes_data, context


def _read_signature(signature: str) -> tuple[str, bool]:
    """Return the type of n, and whether there are data, from a signature such as SciPy and Cython write."""
    match = re.fullmatch(r"\s*([\w\s]+?)\s*\((.*)\)\s*", signature, re.DOTALL)
    if match:
        result, arguments = match.groups()
        types = [_plain_type(argument) for argument in arguments.split(",")]
        count = _COUNTS.get(types[0])
        if result == "double" and count and _are_pointers(types[1:]):
            return _integer(count), len(types) == 4
    raise ValueError(f"fun has the signature {signature!r}, but must be {_ADVICE}")


def _plain_type(argument: str) -> str:
    """Return a C type without const, and with single blanks between words."""
    words = argument.replace("*", " * ").split()
    return " ".join(word for word in words if word != "const")


def _are_pointers(types: list[str]) -> bool:
    return types in (["double *"] * 2, ["double *"] * 2 + ["void *"])


def _parts_of_ctypes(function: Any) -> tuple[int, str, bool, int]:
    result, arguments = function.restype, function.argtypes
    address = ctypes.cast(function, ctypes.c_void_p).value
    if not address:
        raise ValueError("fun is a null pointer")
    pointers = (ctypes.POINTER(ctypes.c_double), ctypes.c_void_p)
    right = (
        result is ctypes.c_double
        and arguments is not None
        and len(arguments) in (3, 4)
        and arguments[0] in _COUNTS.values()
        and all(kind in pointers for kind in arguments[1:3])
        and (len(arguments) == 3 or _is_pointer(arguments[3]))
    )
    if not right:
        given = (
            "no argtypes"
            if arguments is None
            else f"argtypes ({', '.join(_name(kind) for kind in arguments)})"
        )
        raise ValueError(f"fun has {given} and restype {_name(result)}, but must be {_ADVICE}")
    return address, _integer(arguments[0]), len(arguments) == 4, 0


def _is_pointer(kind: Any) -> bool:
    return kind is ctypes.c_void_p or issubclass(kind, ctypes._Pointer)


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", repr(kind))


def _integer(kind: Any) -> str:
    signed = kind(-1).value < 0
    return f"{'int' if signed else 'uint'}{8 * ctypes.sizeof(kind)}"
