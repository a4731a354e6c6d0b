"""The interface of the compiled core, stated once for the modules of all instruction sets.

Private: ``steepest.kernels``, ``steepest.minimize`` and the estimators check and convert what they are given,
and then call these. All parameters are positional. Arrays are taken as they are or not at all: in C order,
aligned, of native byte order, all of one dtype, float32 or float64. A function that may answer
``NotImplemented`` does so when the arrays are not like that, and nothing has been changed then.

Shapes: n rows, d inputs, K outputs. A network's ``weights[l]`` are (n_in, n_out), its ``biases[l]`` (n_out,).
"""

from collections.abc import Callable, Sequence
from types import NotImplementedType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

_Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
_Arrays: TypeAlias = list[_Array]
_Sequence: TypeAlias = list[_Array] | tuple[_Array, ...]
_Recurrence: TypeAlias = tuple[_Array, _Array, _Array] | None  # a, b, c, (degree,); None: monomials
# Sparse X: values and columns of the entries, where each row's begin (n + 1,), absent ones by columns (d,). A row
# has its columns in order and none twice; that they are in range and the starts in order is the caller's duty.
_Inputs: TypeAlias = _Array | tuple[_Array, _Array, _Array, _Array]
# A polynomial basis at points (n,), its degree and its recurrence: the rows of a linear model, for descents alone.
_Basis: TypeAlias = tuple[_Array, int, tuple[_Array, _Array, _Array]]
# Products of polynomials at points (n, variables), which are mapped by their units (variables, 2), middle and half:
# recurrences (variables, 3, degree), terms (terms, 3): parent, variable, power; mixing (1 + terms, 1 + terms).
_Products: TypeAlias = tuple[
    _Array, NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64] | None
]
# X or x, y, sample weights (n,). y: numbers (n, K), or for a loss of classes these (n,), int64 in 0 ... K - 1.
_Data: TypeAlias = tuple[_Inputs | _Basis | _Products, _Array, _Array | None]
# MT19937: its key (624,) and how many words of it have been drawn; or a seed
_Twister: TypeAlias = tuple[NDArray[np.uint32], int] | int
_Hidden: TypeAlias = (
    str | list[str] | tuple[str, ...]
)  # activations: of all hidden layers, or one for each
_Loss: TypeAlias = str | dict[str, Any]  # a word, or its "kind" and parameter
_CompiledFunction: TypeAlias = tuple[int, str, bool, int]
_Config: TypeAlias = dict[str, Any]  # as csrc/bindings/descent_arguments.hpp reads it

def build_info() -> dict[str, Any]: ...

# Losses. target: classes (n,) of int64, or probabilities of the shape of logits.
def mse(prediction: _Array, target: _Array, /) -> float | NotImplementedType: ...
def mse_gradient(prediction: _Array, target: _Array, /) -> _Array | NotImplementedType: ...
def softmax_cross_entropy(
    logits: _Array, target: _Array, /
) -> tuple[float, _Array] | NotImplementedType: ...
def logistic_cross_entropy(
    logits: _Array, target: _Array, /
) -> tuple[float, _Array] | NotImplementedType: ...
def softmax(logits: _Array, /) -> _Array | NotImplementedType: ...

# Value and derivative, entry by entry, of a loss that is a sum over entries: of any but the softmax.
def loss_terms(
    prediction: _Array, target: _Array, loss: _Loss, /
) -> tuple[NDArray[np.float64], _Array] | NotImplementedType: ...

# The linear model. theta: (1 + d,) or (1 + d, K), intercepts first.
def linear_predict(theta: _Array, X: _Array, /) -> _Array | NotImplementedType: ...
def linear_loss_gradient(
    theta: _Array, X: _Array, y: _Array, /
) -> tuple[float, _Array] | NotImplementedType: ...

# The polynomial. theta: (degree + 1,), lowest degree first.
def polynomial_predict(
    theta: _Array, x: _Array, recurrence: _Recurrence, /
) -> _Array | NotImplementedType: ...
def polynomial_loss_gradient(
    theta: _Array, x: _Array, y: _Array, recurrence: _Recurrence, /
) -> tuple[float, _Array] | NotImplementedType: ...

# Polynomials of several variables: values (n, K) for theta (K, 1 + terms), and derivatives by what the points are
# mapped to, (n, K, variables); before any mixing.
def product_predict(
    theta: NDArray[np.float64], X: _Products, n_threads: int, /
) -> _Array | NotImplementedType: ...
def product_slopes(
    theta: NDArray[np.float64], X: _Products, n_threads: int, /
) -> _Array | NotImplementedType: ...

# The network. network_forward returns the activations of all layers.
def network_forward(
    weights: _Sequence, biases: _Sequence, X: _Inputs, hidden: _Hidden, output: str, /
) -> _Arrays | NotImplementedType: ...

# (n, K, d): entry [i, k] is the gradient of output k at row i. output: "identity", "relu", "exp", "logistic" or
# "softmax".
def network_input_gradient(
    weights: _Sequence, biases: _Sequence, X: _Inputs, hidden: _Hidden, output: str, /
) -> _Array | NotImplementedType: ...

# What a network says of each row; None if X has an entry that is not finite. labels: (K,), whose
# bytes say all: not objects, nor NumPy's StringDType.
def network_answer(
    weights: _Sequence,
    biases: _Sequence,
    X: _Inputs,
    hidden: _Hidden,
    answer: str,
    n_threads: int,
    /,
) -> _Array | NotImplementedType | None: ...
def network_classes(
    weights: _Sequence,
    biases: _Sequence,
    X: _Inputs,
    hidden: _Hidden,
    labels: _Array,
    n_threads: int,
    /,
) -> _Array | NotImplementedType | None: ...
def network_loss_gradient(
    weights: _Sequence,
    biases: _Sequence,
    X: _Inputs,
    y: _Array,
    sample_weight: _Array | None,
    hidden: _Hidden,
    output: str,
    loss: _Loss,
    output_scale: float,
    l2: float | list[float],  # of all layers, or of each
    frozen: Sequence[
        tuple[bool, bool]
    ] = ...,  # of each layer, its weights and its biases: no gradient
    /,
) -> tuple[float, _Arrays, _Arrays] | NotImplementedType: ...
def dense_backward(
    X: _Array, weights: _Array, output: _Array, d_output: _Array, activation: str, /
) -> tuple[_Array, _Array, _Array] | NotImplementedType: ...

# An optimizer: its hyper-parameters, and the names of its slots. A step changes theta and state in place.
# A whole step is that of several arrays as one; it returns the numbers of the state after it.
class Stepper:
    def __init__(self, optimizer: _Config, slots: list[str], /) -> None: ...
    def step(
        self,
        theta: _Array,
        gradient: _Array,
        state: dict[str, Any],
        learning_rate: float | None,
        /,
    ) -> NotImplementedType | None: ...
    def clipped(self, gradients: list[_Array], /) -> list[_Array]: ...
    def whole_step(
        self,
        thetas: list[_Array],
        gradients: list[_Array],
        slots_of_arrays: list[list[_Array]],
        scalars: list[float],
        number: int,
        learning_rate: float,
        loss: float,
        /,
    ) -> list[float]: ...

def schedule_factors(schedule: _Config, n: int, /) -> NDArray[np.float64]: ...

# Moments of a least-squares fit, in double-double: arrays of results have the high parts first, then the low.
class Moments:
    def finite(self, /) -> bool: ...
    def gram(self, /) -> NDArray[np.float64]: ...  # (2, features, features)
    def cross(self, /) -> NDArray[np.float64]: ...  # (2, outputs, features)
    def square(self, /) -> NDArray[np.float64]: ...  # (2, outputs)
    def hessian(self, l2: float, /) -> NDArray[np.float64]: ...  # (features, features)
    # Of moments in Chebyshev polynomials of v: the recurrence (3, k) of polynomials in u = ratio v that are
    # orthonormal, as far as the data determine it; and the moments in those of any recurrence (3, degree).
    def orthonormal_recurrence(
        self,
        ratio: NDArray[np.float64],  # (2,)
        /,
    ) -> NDArray[np.float64]: ...
    def in_basis(
        self, ratio: NDArray[np.float64], recurrence: NDArray[np.float64], /
    ) -> Moments: ...
    # Of what is added to theta (2, outputs, features).
    def about(self, theta: NDArray[np.float64], /) -> Moments: ...
    # How many of the features the data determine, in their order, and if all, the lower triangle (features,
    # features) that makes them orthonormal on the data; and the moments of features mixed by such a triangle.
    def orthonormal_mixing(self, /) -> tuple[int, NDArray[np.float64]]: ...
    def mixed(self, mixing: NDArray[np.float64], /) -> Moments: ...

class LinearMoments:
    # mean, deviation (about the mean or about 0) and largest magnitude of each column of [X, y]: (3, d + K)
    def column_statistics(self, about_mean: bool, /) -> NDArray[np.float64]: ...
    def standardised(
        self,
        x_mean: NDArray[np.float64],
        x_scale: NDArray[np.float64],
        y_mean: NDArray[np.float64],
        y_scale: float,
        intercept: bool,
        /,
    ) -> Moments: ...

# Of (x - middle) / half and y / y_unit. The recurrence goes up to twice the degree.
def polynomial_moments(
    data: _Data,
    recurrence: _Recurrence,
    degree: int,
    middle: float,
    half: float,
    y_unit: float,
    n_threads: int,
    /,
) -> Moments | NotImplementedType: ...

# pairs: all products of columns, which a fit needs; otherwise only what column_statistics does.
def linear_moments(
    data: _Data, pairs: bool, n_threads: int, /
) -> LinearMoments | NotImplementedType: ...

# (least, largest, root mean square) of the entries; None if one is not finite.
def value_range(values: _Array, /) -> tuple[float, float, float] | NotImplementedType | None: ...

# Of a symmetric matrix (n, n): all in ascending order; the least above cutoff times the largest, and the largest.
def symmetric_eigenvalues(matrix: NDArray[np.float64], /) -> NDArray[np.float64]: ...
def curvature_range(matrix: NDArray[np.float64], cutoff: float, /) -> tuple[float, float]: ...

# The descent. The result has "status", "n_steps", "n_epochs", "n_evaluations", "best", "history", ..., and what a
# callback or a signal raised in "exception". Parameters and slots change in place, once, at the end; but a
# network's come back in new arrays, in the result's "weights", "biases" and "slots". Its arrays are left as they
# are, and the lists are emptied once all arguments are known to fit: arrays that nobody else holds are freed
# before the descent needs memory of its own. slots None: zeros, of a fresh optimizer. on_record may have methods
# that are called, too: lend(parameters), begin() and score(), see csrc/bindings/listener.hpp; and reshape(epochs),
# after each epoch that is not the last: a list of new masks; or whether what was best until then counts no more.
# Of the model: "frozen", as above; "masks", an array of 0 and 1 for each layer's weights; "group_lasso" and
# "max_norm", numbers for all layers or for each. Where the optimizer reports other parameters than it steps, those
# come back, and "stepped" has what a descent goes on from.
def network_descent(
    weights: _Arrays,
    biases: _Arrays,
    slots: list[tuple[_Arrays, _Arrays]] | None,
    training: _Data,
    validation: _Data | None,
    model: _Config,
    config: _Config,
    on_record: Callable[[tuple[Any, ...]], bool] | None,
    /,
) -> dict[str, Any] | NotImplementedType: ...
def polynomial_descent(
    theta: NDArray[np.float64],
    slots: _Arrays,
    training: _Data,
    validation: _Data | None,
    recurrence: _Recurrence,
    l1: float,
    l2: float,
    config: _Config,
    on_record: Callable[[tuple[Any, ...]], bool] | None,
    /,
) -> dict[str, Any] | NotImplementedType: ...
def moments_descent(
    theta: NDArray[np.float64],  # (outputs, features), the constant's first
    slots: _Arrays,
    moments: Moments,
    validation: Moments | None,
    l1: float,
    l2: float,
    config: _Config,
    on_record: Callable[[tuple[Any, ...]], bool] | None,
    /,
) -> dict[str, Any]: ...
def minimize(
    function: Callable[[_Array], tuple[float, _Array]] | _CompiledFunction,
    theta: _Array,
    slots: _Arrays,
    config: _Config,
    on_record: Callable[[tuple[Any, ...], _Array, _Array], bool] | None,
    record_path: bool,
    /,
) -> dict[str, Any] | NotImplementedType: ...
def minimize_many(
    functions: list[_CompiledFunction],  # one, or one for each start
    x: NDArray[np.float64],  # (k, m), starts, and then ends
    slots: _Arrays,  # (k m,) each
    config: _Config,
    /,
) -> dict[str, Any]: ...
def minimize_in_lockstep(
    function: Callable[[_Array], tuple[NDArray[np.float64], _Array]],  # (k, m) -> (k,), (k, m)
    x: _Array,  # (k, m), starts, and then ends
    slots: _Arrays,  # (k m,) each
    config: _Config,
    /,
) -> dict[str, Any] | NotImplementedType: ...

# Compiled functions are (address, type of n, whether data are taken, their address); 0 is no address.
def value_and_gradient(
    function: _CompiledFunction, x: NDArray[np.float64], /
) -> tuple[float, NDArray[np.float64]]: ...
def capsule_contents(capsule: Any, /) -> tuple[str | None, int, int]: ...
def test_function(name: str, /) -> int: ...

# The threads of a descent by themselves, for tests. sums adds up x n_runs times in shares, one a thread:
# (sums (n_runs,), shares that the calling thread did not do, seconds). Share `failing` raises RuntimeError.
class Threads:
    def __init__(self, wanted: int, /) -> None: ...
    def count(self, /) -> int: ...
    def sums(
        self, x: NDArray[np.float64], n_runs: int, failing: int, /
    ) -> tuple[NDArray[np.float64], int, float]: ...

# Random numbers, and the core's own elementary functions and double-double operations by entries, for tests.
def permutation(n: int, seed: int, epoch: int, /) -> NDArray[np.uint32]: ...
def philox(seed: int, stream: int, index: int, first_block: int, /) -> NDArray[np.uint32]: ...
def twister_words(state: _Twister, n: int, /) -> tuple[NDArray[np.uint32], _Twister]: ...
def twister_shuffle(state: _Twister, n: int, /) -> tuple[NDArray[np.uint32], _Twister]: ...
def elementary(name: str, x: _Array, /) -> _Array | NotImplementedType: ...
def double_double(
    name: str, a: NDArray[np.float64], b: NDArray[np.float64], /
) -> NDArray[np.float64]: ...
